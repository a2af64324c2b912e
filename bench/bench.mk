# The benchmark: exact instruction counts under QEMU's icount, as a table and as BENCH lines (bench/run.py).
# Included by the Makefile; needs its rule for $(ELF).

.PHONY: bench
bench: ## boot under icount and print what every op costs
	@tools/deps run
	@$(MAKE) --no-print-directory $(ELF)
	@$(PYTHON) -B bench/run.py $(ELF)
