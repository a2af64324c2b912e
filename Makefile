# Paravane. `make` builds build/paravane.elf; `make help` lists the rest.
include config.mk

ROOMS := lib arch pvops mmu machine boot tests bench
SRCS  := $(foreach r,$(ROOMS),$(wildcard $(r)/*.c $(r)/*.asm))
SRCS  := $(filter-out machine/asm_offsets.c $(if $(DEBUG),,pvops/lock_debug.c),$(SRCS))
OBJS  := $(patsubst %,$(BUILD)/obj/%.o,$(SRCS))
ELF   := $(BUILD)/paravane.elf
ISO   := $(BUILD)/paravane.iso
OFFS  := $(BUILD)/asm_offsets.inc

.DEFAULT_GOAL := elf
.PHONY: elf iso usb run test bench check clean help
elf: $(ELF) ## build build/paravane.elf (the default)

# The compiler and its flags are inputs too: changing them rebuilds.
STAMP := $(BUILD)/flags
$(shell mkdir -p $(BUILD); echo '$(CC) $(CFLAGS)' | cmp -s - $(STAMP) || echo '$(CC) $(CFLAGS)' >$(STAMP))

$(OFFS): machine/asm_offsets.c $(STAMP)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -MMD -MP -MT $@ -MF $@.d -S -o $(BUILD)/asm_offsets.s $<
	@sed -n 's/^[[:space:]]*\.ascii[[:space:]]*"->\([A-Za-z0-9_]*\) \$$*\(-*[0-9]*\)".*/%define \1 \2/p' $(BUILD)/asm_offsets.s >$@

$(BUILD)/obj/%.c.o: %.c $(STAMP)
	@mkdir -p $(@D)
	@echo "  CC    $<"; $(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.asm.o: %.asm $(OFFS) $(STAMP)
	@mkdir -p $(@D)
	@echo "  NASM  $<"; $(NASM) $(NASMFLAGS) -MD $@.d -MP -o $@ $<

# Two links: the second adds the table of symbols that backtraces name functions by; it moves no address.
$(BUILD)/paravane.pass1: $(OBJS) linker.ld
	@$(LD) $(LDFLAGS) -o $@ $(OBJS)

$(BUILD)/ksyms.o: $(BUILD)/paravane.pass1 tools/ksyms.py
	@$(PYTHON) tools/ksyms.py --nm $(NM) $(if $(DEBUG),--data) $< $(BUILD)/ksyms.bin
	@echo '.section .ksyms, "a"; .incbin "$(BUILD)/ksyms.bin"; .section .note.GNU-stack, "", @progbits' | \
		$(CC) -m64 -x assembler -c -o $@ -

$(ELF): $(BUILD)/ksyms.o
	@echo "  LD    $@"; $(LD) $(LDFLAGS) -o $@ $(OBJS) $(BUILD)/ksyms.o

iso: $(ISO) ## build build/paravane.iso, for CD and USB stick, BIOS and UEFI
$(ISO): $(ELF) iso/mkiso iso/grub.cfg
	@iso/mkiso $(ELF) $@

usb: $(ISO) ## write the ISO to a USB stick, having asked: DEV=/dev/sdX
	@tools/usb '$(DEV)' $(ISO)

export ACCEL SMP MEM CMDLINE GUEST FIRMWARE
run: ## boot the ISO in QEMU: ACCEL= SMP= MEM= CMDLINE= GUEST= FIRMWARE=bios|uefi
	@tools/deps run
	@$(MAKE) -s --no-print-directory iso
	@tools/run $(ELF) $(ISO)

clean: ## delete everything that was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | awk -F'\t' '{printf "  make %-18s %s\n", $$1, $$2}'

-include tests/test.mk tests/host/host.mk tests/mutants/mutants.mk tools/check/check.mk bench/bench.mk
-include $(OBJS:.o=.d) $(OFFS).d
