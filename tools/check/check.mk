# The static checks: `make check` runs all of them, `make check-NAME` one; each prints lines `file:line: what` and
# one line of summary. check-source needs no build; the rest reads build/obj and build/paravane.elf.
# Included by the Makefile, which owns PYTHON, ELF and CFLAGS where it sets them.

PYTHON	  ?= /usr/bin/python3
ELF	  ?= build/paravane.elf
NM	  ?= nm
CHECK_DIR := tools/check

CHECKS_SOURCE := layers headers kinds format length drivers
CHECKS_BUILT  := link_layers size sensitive entry_raw image

CHECK_ARGS_headers	:= --flags '$(filter-out $(CC_FLAGS),$(CFLAGS))'
CHECK_ARGS_kinds	:= --flags '$(filter-out $(CC_FLAGS),$(CFLAGS))'
CHECK_ARGS_link_layers	:= --nm '$(NM)' --obj $(dir $(ELF))obj
$(foreach c,$(filter-out link_layers,$(CHECKS_BUILT)),$(eval CHECK_ARGS_$c := --elf $(ELF)))

.PHONY: check check-source check-built check-selftest check-reproducible \
	$(CHECKS_SOURCE:%=check-%) $(CHECKS_BUILT:%=check-%)

# All of them, also behind a red one: who mends one finding wants to see the others.
check: ## static checks: layers, headers, format, size, instructions, and the checks of the checks
	@$(MAKE) --no-print-directory -k check-source check-built check-selftest
check-source: $(CHECKS_SOURCE:%=check-%)
check-built: $(CHECKS_BUILT:%=check-%)

$(CHECKS_SOURCE:%=check-%): check-%:
	@$(PYTHON) -B $(CHECK_DIR)/check_$*.py $(CHECK_ARGS_$*)

$(CHECKS_BUILT:%=check-%): check-%: $(ELF)
	@$(PYTHON) -B $(CHECK_DIR)/check_$*.py $(CHECK_ARGS_$*)

# A check that cannot fail is none: each is shown a bad input and has to turn red.
check-selftest:
	@$(PYTHON) -B -m pytest -q -p no:cacheprovider $(CHECK_DIR)/tests && echo "ok - check_selftest"

check-reproducible: ## two builds from clean must give the same bytes
	@$(PYTHON) -B $(CHECK_DIR)/check_reproducible.py
