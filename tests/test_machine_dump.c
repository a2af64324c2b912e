/*
 * What a person sees of a trap: the dump in words, with symbols and the page walk. Printed into a buffer, for a passing
 * run must not look like a crash.
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/dump.h"
#include "machine/fault.h"
#include "machine/traps.h"
#include "tests/ktest.h"

static char text[4096];

#define EXPECT_TEXT(part)                                                                                              \
	do {                                                                                                           \
		if (!ktest_has(text, part))                                                                            \
			ktest_fail(__FILE__, __LINE__, "no '%s' in the dump", part);                                   \
	} while (0)

static unsigned lines(void)
{
	unsigned count = 0;
	const char *at;

	for (at = text; *at; at++)
		count += *at == '\n';
	return count;
}

static const struct {
	u64 vector, error;
	const char *words;
} codes[] = {
	{14, 0, "read by supervisor, page not present"},
	{14, X86_PF_WRITE, "write by supervisor, page not present"},
	{14, X86_PF_PROT | X86_PF_WRITE | X86_PF_USER, "write by user, not allowed"},
	{14, X86_PF_INSTR | X86_PF_PROT, "fetch by supervisor, not allowed"},
	{14, X86_PF_INSTR | X86_PF_USER, "fetch by user, page not present"},
	{14, X86_PF_RSVD | X86_PF_PROT, "read by supervisor, not allowed, reserved bit set"},
	{13, 0, "none"},
	{6, 0, "none"},
	{13, 0x30, "GDT selector 0x30"},
	{13, 0x2c, "LDT selector 0x28"},
	{13, 0x40a, "IDT selector 0x408"},
	{11, 0x41, "GDT selector 0x40, external event"},
};

TEST(machine_dump_error_code_in_words)
{
	char tiny[8];
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		dump_error_code(codes[i].vector, codes[i].error, text, sizeof(text));
		if (strcmp(text, codes[i].words) != 0)
			ktest_fail(__FILE__, __LINE__, "vector %lu error %#lx: '%s', not '%s'", codes[i].vector,
				   codes[i].error, text, codes[i].words);
	}
	memset(tiny, 'z', sizeof(tiny));
	dump_error_code(14, 0, tiny, 5);
	EXPECT(memcmp(tiny, "read\0zzz", 8) == 0);
}

/* Every register at its name, none twice. */
TEST(machine_dump_of_registers)
{
	static const char *const names[] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",
					    "r9 ", "r8 ", "rax", "rcx", "rdx", "rsi", "rdi"};
	struct pt_regs r;
	u64 *word = (u64 *)&r, i;
	char want[48];

	for (i = 0; i < sizeof(r) / 8; i++)
		word[i] = 0xabcd000000000000 + i;
	r.vector = 13;
	r.error = 0x30;
	r.rip = (ulong)dump_trap + 3;
	r.cs = SEL_USER_CS;
	r.rflags = 0x10246;
	log_capture(text, sizeof(text));
	dump_trap(&r);
	EXPECT(log_capture_end() < sizeof(text));
	EXPECT(strncmp(text, "trap: vector 13, #GP general protection, in user mode\n", 54) == 0);
	EXPECT_TEXT("error code 0x30: GDT selector 0x30\n");
	ksnprintf(want, sizeof(want), "rip %016lx dump_trap+0x3\n", r.rip);
	EXPECT_TEXT(want);
	EXPECT_TEXT("rflags 00010246");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		ksnprintf(want, sizeof(want), "%s %016lx", names[i], word[i]);
		EXPECT_TEXT(want);
	}
	ksnprintf(want, sizeof(want), "rsp %016lx", r.rsp);
	EXPECT_TEXT(want);
	EXPECT(!ktest_has(text, "backtrace")); /* user mode's stack is not followed */
	EXPECT(!ktest_has(text, "walk of"));
}

static bool dump_and_refuse(struct pt_regs *regs)
{
	log_capture(text, sizeof(text));
	dump_trap(regs);
	log_capture_end();
	return false; /* the fixup goes on */
}

/* The real thing: a write to page zero from here, seen with its walk and the way to it. */
TEST(machine_dump_of_a_page_fault)
{
	trap_handler former = trap_set_handler(X86_TRAP_PF, dump_and_refuse);
	bool went = fault_write8(0x123, 1, NULL);

	trap_set_handler(X86_TRAP_PF, former);
	EXPECT(!went);
	EXPECT_TEXT("trap: vector 14, #PF page fault, in kernel mode\n");
	EXPECT_TEXT("error code 0x2: write by supervisor, page not present\n");
	EXPECT_TEXT(" fault_write8+0x");
	EXPECT_TEXT("cr2 0000000000000123");
	EXPECT_TEXT("walk of 0000000000000123");
	EXPECT_TEXT("not mapped");
	EXPECT_TEXT("backtrace:\n");
	EXPECT_TEXT(" machine_dump_of_a_page_fault+0x");
	EXPECT_TEXT(" ktest_run+0x");
}

static void backtrace(ulong rip, ulong rbp)
{
	log_capture(text, sizeof(text));
	dump_backtrace(rip, rbp);
	log_capture_end();
}

/* A chain that leaves the stacks, runs in a circle or upward ends there; nothing that was not checked is read. */
TEST(machine_dump_backtrace_of_broken_chains)
{
	static const ulong nowhere[] = {0, 1, 0x1000, 0x8000000000000000, ~0UL & ~7UL};
	ulong frame[4] = {0, (ulong)dump_trap + 1, 0, 0}, i;

	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		backtrace(0, nowhere[i]);
		EXPECT(strcmp(text, "backtrace:\n") == 0);
	}
	backtrace(0, (ulong)__kstacks_start); /* a guard page */
	EXPECT(strcmp(text, "backtrace:\n") == 0);
	backtrace(0, (ulong)__kstacks_start + KSTACK_SLOT - 8); /* its second word is the next one's guard */
	EXPECT(strcmp(text, "backtrace:\n") == 0);
	backtrace(0, (ulong)__kstacks_end - 8);
	EXPECT(strcmp(text, "backtrace:\n") == 0);
	backtrace((ulong)dump_trap + 2, 0);
	EXPECT_EQ(lines(), 2);
	EXPECT_TEXT(" dump_trap+0x2\n");
	frame[0] = (ulong)frame; /* its own caller */
	backtrace(0, (ulong)frame);
	EXPECT_EQ(lines(), 2);
	EXPECT_TEXT(" dump_trap+0x1\n");
	frame[0] = (ulong)frame + 4; /* not aligned */
	backtrace(0, (ulong)frame);
	EXPECT_EQ(lines(), 2);
	frame[1] = 0; /* the first frame of all has no caller */
	backtrace(0, (ulong)frame);
	EXPECT_EQ(lines(), 1);
}
