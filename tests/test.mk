# The harness: boots the image in every environment and judges it by its serial log (tests/harness, docs/TESTING.md).
#
#	make test				everything, in at most 15 minutes on two cores
#	make test QUICK=1			two minutes of it
#	make test ENV=tcg-kernel T='mmu_*'	one environment, the tests that match
#	make matrix				every two settings of machine, memory, CPU, boot path meet once
#	make soak				200 boots in a row, and ten minutes of everything at once on 4 CPUs:
#						SOAK_BOOTS=, SOAK_SECONDS=; MINUTES= of rounds of environments
#	make harness-selftest			the harness alone, on dummy kernels of its own
#
# Logs: $(BUILD)/logs/ENV.log, the command line beside it in ENV.cmd, JUnit XML in junit.xml.
# Included by the Makefile; needs its rule for $(BUILD)/paravane.elf.

BUILD	?= build
MINUTES	?= 0
SOAK_BOOTS ?= 200
SOAK_SECONDS ?= 600
HARNESS := PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_ADDOPTS= /usr/bin/python3 -s -B -m pytest \
	   -c tests/harness/pytest.ini --rootdir tests/harness --build $(BUILD)

# What the machine lacks is installed before anything is built: this may be the first command on a fresh machine.
define harness_run
	@tools/deps test
	@$(MAKE) --no-print-directory $(BUILD)/paravane.elf
	@$(HARNESS) tests/harness $(1)
endef

.PHONY: test matrix soak harness-selftest check-cross

test: ## boot the image in every environment and judge it: QUICK=1, ENV=NAME, T=GLOB
	$(call harness_run,$(if $(ENV),--env '$(ENV)') $(if $(T),--tests '$(T)') $(if $(QUICK),--quick))

matrix: ## every two settings of machine, memory, CPU and boot path meet once
	$(call harness_run,--matrix)

soak: ## SOAK_BOOTS=200 boots in a row, SOAK_SECONDS=600 of everything at once, MINUTES=0 of rounds of environments
	$(call harness_run,--soak --soak-boots $(SOAK_BOOTS) --soak-seconds $(SOAK_SECONDS) --soak-minutes $(MINUTES))

harness-selftest: ## the harness alone, on dummy kernels
	@$(HARNESS) $(addprefix tests/harness/test_,selftest.py bochs.py deviations.py) tests/harness/test_bench_run.py

# By the cross compiler's name and without it: the same bytes.
CROSS := x86_64-linux-gnu-
check-cross: $(ELF)
	@if ! command -v $(CROSS)gcc >/dev/null; then echo "ok - cross # SKIP there is no $(CROSS)gcc"; exit; fi; \
	$(MAKE) --no-print-directory CROSS_COMPILE=$(CROSS) BUILD=$(BUILD)/cross elf && \
	cmp $(ELF) $(BUILD)/cross/paravane.elf && echo "ok - cross"
