/* The entry from assembly, and what the rest of boot/ shares. */
#ifndef BOOT_MAIN_H
#define BOOT_MAIN_H

#include "boot/cmdline.h"
#include "lib/boot_info.h"

#define PARAVANE_VERSION "0.1"

/* Called once by boot/entry.asm; @protocol as lib/boot_info.h numbers them, @info_pa below 4 GiB. */
__noreturn void boot_enter(u32 protocol, u32 info_pa);

/* Where all boot protocols meet. Does not return. */
__noreturn void kernel_start(struct boot_info *bi);

/* This machine cannot be used: says why, tells the debug port, halts. */
__noreturn void boot_refuse(const char *why);

/* crash=KIND: provokes a crash on purpose, to see its dump (boot/crash.c). "" does nothing. */
void crash_on_request(const char *kind);

/* The TSC at boot_enter(), and when the kernel was ready: the prompt, or what ran instead of it. For bench/. */
extern u64 boot_tsc, prompt_tsc;

extern struct boot_info boot_info;
extern struct boot_options boot_options;

#endif
