# Host tests and fuzzers: the kernel's own sources, compiled for the host with sanitizers.
# A file tests/host/test_X.c is a program build/host/test_X; a file tests/fuzz/fuzz_X.c is build/fuzz/fuzz_X.
# Included by the root Makefile; works alone too: make -f tests/host/host.mk host-test

BUILD	     ?= build
HOST_CC      ?= gcc
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 5

# What needs no machine. lib/mem.c is not among it: it defines the C library's names (test_mem.c includes it).
HOST_KERNEL_SRC := $(filter-out lib/mem.c,$(wildcard lib/*.c)) boot/multiboot2.c boot/pvh.c boot/cmdline.c \
		   machine/acpi.c machine/acpi_madt.c machine/acpi_fadt.c machine/irq_route.c machine/tsc.c
# Programs that want the real panic().
HOST_REAL_PANIC := test_panic

HOST_CFLAGS := -std=gnu11 -I. -g -O1 -MMD -MP -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wundef \
	       -Wstrict-prototypes -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CFLAGS := $(HOST_CFLAGS) -fsanitize=fuzzer-no-link

HOST_TESTS := $(patsubst tests/host/%.c,$(BUILD)/host/%,$(sort $(wildcard tests/host/test_*.c)))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
HOST_LIB   := $(BUILD)/host/kernel.a
FUZZ_LIB   := $(BUILD)/fuzz/kernel.a

.PHONY: host-test host-build fuzz fuzz-build
.SECONDARY:

host-build: $(HOST_TESTS)
host-test: $(HOST_TESTS) ## unit tests on this machine, with sanitizers
	@/usr/bin/python3 tests/host/run.py --logs $(BUILD)/logs/host $(HOST_TESTS)

fuzz-build: $(FUZZERS)
fuzz: $(FUZZERS) ## fuzz the parsers: FUZZ_SECONDS=5 each
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/fuzz/run.py --logs $(BUILD)/logs/fuzz --seconds $(FUZZ_SECONDS) $(FUZZERS)

$(BUILD)/host/obj/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@$(HOST_CC) $(HOST_CFLAGS) -c -o $@ $<

$(BUILD)/fuzz/obj/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

$(HOST_LIB): $(HOST_KERNEL_SRC:%.c=$(BUILD)/host/obj/%.o)
$(FUZZ_LIB): $(HOST_KERNEL_SRC:%.c=$(BUILD)/fuzz/obj/%.o)
$(HOST_LIB) $(FUZZ_LIB):
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/host/test_%: $(BUILD)/host/obj/tests/host/test_%.o $(BUILD)/host/obj/tests/host/fakes.o $(HOST_LIB)
	@$(HOST_CC) $(HOST_CFLAGS) -o $@ $< \
		$(if $(filter test_$*,$(HOST_REAL_PANIC)),,$(BUILD)/host/obj/tests/host/fakes.o) $(HOST_LIB) -lcmocka

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.o $(BUILD)/fuzz/obj/tests/host/fakes.o $(FUZZ_LIB)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^

-include $(wildcard $(BUILD)/host/obj/*/*.d $(BUILD)/host/obj/tests/*/*.d $(BUILD)/fuzz/obj/*/*.d $(BUILD)/fuzz/obj/tests/*/*.d)
