# The deliberate bugs: each patch in tests/mutants is put into a copy of the tree, and the tests must notice.
#
#	make mutants			all of them, each against the checks that its `Catch:` lines name
#	make mutants M='3*'		those whose name matches
#	make mutants FULL=1		the same with test=all in place of single tests
#
# Included by the Makefile. Read next: tests/mutants/run.py.

.PHONY: mutants
mutants: ## put deliberate bugs in, each must turn the tests red: M=GLOB, FULL=1
	@/usr/bin/python3 -B tests/mutants/run.py --logs $(BUILD)/logs/mutants $(if $(FULL),--full) '$(or $(M),*)'
