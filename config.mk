# What may be set: `make VARIABLE=value`. Everything else follows from the sources.

# DEBUG=1: locks that watch how they are used (pvops/lock_debug.h), in a build folder of their own.
DEBUG         ?=
# The most CPUs there can be; empty: as arch/cpumask.h says.
NR_CPUS       ?=
BUILD         ?= build$(if $(DEBUG),/debug)
CROSS_COMPILE ?=
COMPILER      ?= gcc
NASM          ?= nasm
PYTHON        ?= $(firstword $(wildcard /usr/bin/python3) python3)

ifeq ($(COMPILER),clang)
CC := clang --target=x86_64-linux-gnu
else
CC := $(CROSS_COMPILE)gcc
# An op's function is called from inside an asm statement: gcc must not conclude that it leaves the file's statics
# alone.
CC_FLAGS := -fno-ipa-reference
endif
LD := $(CROSS_COMPILE)ld
NM := $(CROSS_COMPILE)nm

# No file of the image may depend on where or when it was built.
export SOURCE_DATE_EPOCH ?= 1700000000
export LC_ALL := C
export TZ := UTC

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wundef -Wstrict-prototypes
CFLAGS   := -std=gnu11 -ffreestanding -O2 -g $(WARNINGS) -I. -ffile-prefix-map=$(CURDIR)=. \
            -m64 -mno-red-zone -mgeneral-regs-only -mcmodel=kernel -fno-pic -fno-stack-protector \
            -fcf-protection=none -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
            -fno-strict-aliasing -fno-common -fno-delete-null-pointer-checks -fno-optimize-sibling-calls \
            $(if $(DEBUG),-DPARAVANE_DEBUG) $(if $(NR_CPUS),-DNR_CPUS=$(NR_CPUS)) $(CC_FLAGS)
# No -g: NASM writes the absolute path of the sources into its DWARF.
NASMFLAGS := -f elf64 -I. -I$(BUILD)/ -w+all -Werror
LDFLAGS  := -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none --no-warn-rwx-segments -T linker.ld
