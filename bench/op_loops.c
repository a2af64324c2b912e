/*
 * The loops: see bench/op_loops.h. The wrappers of pvops/pvops.h are expanded twice more here, with the same operands
 * and another text: nothing (none_NAME), and the native instructions (raw_NAME), which are assembler macros made from
 * pvops/native_templates.def. So what the three loops of an op take longer than each other is what stands at the site.
 *
 * Must not know how anything is timed or printed (bench/ops.c), nor which arguments an op takes (bench/op_args.def).
 */
#include "bench/op_loops.h"

#include "arch/native.h"
#include "arch/regs.h"
#include "arch/section.h"
#include "bench/bench.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "mmu/fixmap.h"
#include "pvops/backend.h"
#include "pvops/pvops.h"
#include "pvops/qspinlock.h"

/*
 * POST codes and DMA page registers: written with what was read, so that a write of four bytes there changes nothing.
 */
#define PORT 0x80

/* What ops are given. */
static struct {
	ulong cr0, cr2, cr3, cr4, cr8, dr7, flags, va, sp0;
	u32 eax, ebx, ecx, edx, fs_low, fs_high, port;
	unsigned cpu, gs;
	int err;
	struct desc_ptr gdt, idt;
	u64 tss_available;
	struct thread_struct tls;
	struct desc_struct table[2], desc;
	gate_desc gates[1], gate;
	pte_t pte, new_pte;
	pmd_t pmd, new_pmd;
	pud_t pud, new_pud;
	p4d_t p4d, new_p4d;
	pgd_t pgd, new_pgd;
	pgprot_t unmapped;
	struct cpumask cpus;
	struct flush_tlb_info flush;
	struct qspinlock lock;
	u8 byte;
} ctx;

void bench_op_values(void)
{
	struct percpu *cpu = this_cpu();
	u64 fs_base = pv_read_msr(MSR_FS_BASE);
	unsigned i;

	ctx.cr0 = pv_read_cr0();
	ctx.cr2 = pv_read_cr2();
	ctx.cr3 = pv_read_cr3();
	ctx.cr4 = pv_read_cr4();
	ctx.cr8 = pv_read_cr8();
	ctx.dr7 = pv_get_debugreg(7);
	ctx.flags = pv_save_fl();
	ctx.va = (ulong)&ctx;
	ctx.sp0 = cpu->kernel_rsp;
	ctx.fs_low = (u32)fs_base;
	ctx.fs_high = (u32)(fs_base >> 32);
	ctx.port = pv_inl(PORT);
	ctx.cpu = cpu->id;
	asm volatile("mov %%gs, %0" : "=r"(ctx.gs));
	asm volatile("sgdt %0" : "=m"(ctx.gdt));
	asm volatile("sidt %0" : "=m"(ctx.idt));
	ctx.tss_available = cpu->gdt[SEL_TSS / 8].raw & ~BIT(41);
	for (i = 0; i < ARRAY_SIZE(ctx.tls.tls_array); i++)
		ctx.tls.tls_array[i] = cpu->gdt[SEL_TLS0 / 8 + i];
	ctx.cpus = cpumask_of(cpu->id);
	ctx.flush.end = TLB_FLUSH_ALL;
}

/* LTR wants an available TSS and marks it busy (SDM 2A LTR). */
static __always_inline void tss_make_available(void)
{
	((struct desc_struct *)ctx.gdt.base)[SEL_TSS / 8].raw = ctx.tss_available;
}

static bool backend_is_native_class(void)
{
	return pv_backend_current()->state_class == PV_STATE_NATIVE;
}

/* TCG has no performance counters, nor has a KVM guest without a vPMU: #UD or #GP. */
static bool pmc_is_there(void)
{
	u32 there = 0;

	asm volatile("1: rdpmc\n\t"
		     "mov $1, %0\n"
		     "2:\n" EXTABLE("1b", "2b")
		     : "+r"(there)
		     : "c"(0)
		     : "eax", "edx", "memory");
	return there;
}

/* The native instructions as assembler macros: text_FUNCTION, and the symbol .Lhas_FUNCTION where there is one. */
#define NATIVE_TEXT(func, text) asm(".set .Lhas_" #func ", 1\n.macro text_" #func "\n\t" text "\n.endm");
#undef PV_CALLEE_SAVE
#define PV_CALLEE_SAVE(f)                          f
#define PV_NATIVE(group, op, func, clobbers, text) NATIVE_TEXT(func, text)
#include "pvops/native_templates.def"
#undef PV_NATIVE
NATIVE_TEXT(PV_NOP, "")
NATIVE_TEXT(PV_IDENT, "mov %rdi, %rax")

/* raw_GROUP_OP: the text of the op's native function, nothing where it has none. */
#define RAW_TEXT(group, name, native)                                                                                  \
	asm(".macro raw_" #group "_" #name "\n.ifdef .Lhas_" #native "\n\ttext_" #native "\n.endif\n.endm");
#define PV_OP(group, pos, name, class, len, native, ...) RAW_TEXT(group, name, native)
#include "pvops/pv_ops.def"

/* The op that C has no wrapper for: kernel entry code alone uses it. It keeps all registers. */
#define PV_WRAP_SWAPGS                                                                                                 \
	PV_FN(void, swapgs, void)                                                                                      \
	{                                                                                                              \
		PV_CALLEE_ASM(cpu, swapgs, 6);                                                                         \
	}
PV_WRAP_SWAPGS

/*
 * From here on wrappers are named and filled by PREFIX and TEXT; the operands are word for word those of pvops/pvops.h.
 */
#undef PV_FN
#define PV_FN(ret, n, ...) static __always_inline __attribute__((unused)) ret CONCAT(PREFIX, n)(__VA_ARGS__)
#undef PV_CALL_ASM
#define PV_CALL_ASM(g, n, l, args)                                                                                     \
	asm volatile(TEXT(g, n)                                                                                        \
		     : args, "=a"(rax_), "+r"(pv_stack_pointer)                                                        \
		     : PV_SITE_INPUTS(g, n, l, CLBR_ANY)                                                               \
		     : "memory", "cc", "r9", "r10", "r11")
#undef PV_CALLEE_ASM
#define PV_CALLEE_ASM(g, n, l, ...)                                                                                    \
	ulong rax_;                                                                                                    \
	asm volatile(TEXT(g, n)                                                                                        \
		     : "=a"(rax_), "+r"(pv_stack_pointer)                                                              \
		     : PV_SITE_INPUTS(g, n, l, CLBR_RAX) __VA_ARGS__                                                   \
		     : "memory", "cc")

#define PREFIX                                           none_
#define TEXT(g, n)                                       ""
#define PV_OP(group, pos, name, class, len, native, ...) CONCAT(PV_WRAP_, class)(group, name, len, __VA_ARGS__)
#include "pvops/pv_ops.def"
PV_WRAP_SWAPGS
#undef PREFIX
#undef TEXT

#define PREFIX                                           raw_
#define TEXT(g, n)                                       "raw_" #g "_" #n "\n"
#define PV_OP(group, pos, name, class, len, native, ...) CONCAT(PV_WRAP_, class)(group, name, len, __VA_ARGS__)
#include "pvops/pv_ops.def"
PV_WRAP_SWAPGS

/* The shorter rows of op_args.def in terms of the longest. */
#define BENCH_OP(g, n, ...)                 BENCH_ROW(g, n, (void)0, NULL, NULL, __VA_ARGS__)
#define BENCH_PREP(g, n, prep, ...)         BENCH_ROW(g, n, prep, NULL, NULL, __VA_ARGS__)
#define BENCH_IF(g, n, usable, reason, ...) BENCH_ROW(g, n, (void)0, usable, reason, __VA_ARGS__)
#define BENCH_NATIVE(g, n, ...)                                                                                        \
	BENCH_ROW(g, n, (void)0, backend_is_native_class, "this backend may not be told so out of turn", __VA_ARGS__)

/* A loop in its own cache lines. The empty asm keeps compilers from unrolling: they know nothing about @turns. */
#define LOOP(prefix, g, n, prep, ...)                                                                                  \
	static __noinline __aligned(64) void loop_##prefix##g##_##n(ulong turns)                                       \
	{                                                                                                              \
		do {                                                                                                   \
			prep;                                                                                          \
			prefix##n(__VA_ARGS__);                                                                        \
			asm volatile("" : "+r"(turns));                                                                \
		} while (--turns);                                                                                     \
	}

#define BENCH_ROW(g, n, prep, usable, reason, ...)                                                                     \
	LOOP(none_, g, n, prep, __VA_ARGS__)                                                                           \
	LOOP(raw_, g, n, prep, __VA_ARGS__)                                                                            \
	LOOP(pv_, g, n, prep, __VA_ARGS__)
#define BENCH_NA(g, n, reason)
#include "bench/op_args.def"
#undef BENCH_ROW
#undef BENCH_NA

const struct bench_op bench_op[PV_TYPES] = {
#define BENCH_ROW(g, n, prep, usable_, reason_, ...)                                                                   \
	[PV_TYPE(g, n)] = {.empty = loop_none_##g##_##n,                                                               \
			   .raw = loop_raw_##g##_##n,                                                                  \
			   .site = loop_pv_##g##_##n,                                                                  \
			   .usable = usable_,                                                                          \
			   .reason = reason_},
#define BENCH_NA(g, n, reason_) [PV_TYPE(g, n)] = {.reason = reason_},
#include "bench/op_args.def"
};

/* For people, and to know that an op's native is instructions. */
static const char *const template_text[PV_TYPES] = {
#define PV_NATIVE(group, op, func, clobbers, text) [PV_TYPE(group, op)] = text,
#include "pvops/native_templates.def"
};

static const char *const native_name[PV_TYPES] = {
#define PV_OP(group, pos, name, class, len, native, ...) [PV_TYPE(group, name)] = STRINGIFY(native),
#include "pvops/pv_ops.def"
};

const char *bench_op_text(unsigned type)
{
	if (template_text[type])
		return template_text[type];
	if (strcmp(native_name[type], "PV_NOP") == 0)
		return "nothing";
	if (strcmp(native_name[type], "PV_IDENT") == 0)
		return "mov %rdi, %rax";
	return NULL;
}

const char *bench_op_refusal(const struct bench_op *op)
{
	if (!op->site)
		return op->reason ?: "bench/op_args.def has no row for it";
	return !op->usable || op->usable() ? NULL : op->reason;
}

unsigned bench_cross_sites(ulong turns)
{
	unsigned type, count = 0;

	bench_begin();
	bench_op_values();
	for (type = 0; type < PV_TYPES; type++) {
		if (!bench_op[type].site || bench_op_refusal(&bench_op[type]))
			continue;
		bench_op[type].site(turns);
		count++;
	}
	bench_end();
	return count;
}
