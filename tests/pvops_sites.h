/*
 * Assembly half of the patcher's tests (tests/pvops_sites.asm), and the brackets around tests that change slots or
 * sites.
 */
#ifndef TESTS_PVOPS_SITES_H
#define TESTS_PVOPS_SITES_H

#include "pvops/patch.h"

ulong asm_save_fl(void);
void asm_disable_enable(void);
bool asm_callee_save_kept(void);

/* Gives the test real slots (the run has poisoned them); at the end, slots, sites and tracing are as they were. */
void pvops_test_begin(void);
void pvops_test_end(void);

/* What stands at the site behind @code. The caller crosses it first: an armed site shows int3. */
enum pv_kind pvops_kind_behind(const void *code, int type);

#endif
