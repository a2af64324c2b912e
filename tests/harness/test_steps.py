"""Checks, host unit tests and fuzzing: the make targets of steps.STEPS."""

import pytest

import steps


def test_step(step, harness):
    files = harness.files(step.name)
    done = harness.jobs.wait(step.name)
    state = "ended" if done.exit_code is None else "pass" if done.exit_code == 0 else "failed"
    harness.results.add_budget(step.name, step.seconds, step.limit, done.seconds, state)
    for name, status, text in done.cases:
        harness.results.add(step.name, name, status, text)
    failed = [name for name, status, _text in done.cases if status == "fail"]
    tail = "\n".join("    " + line for line in [f"failed: {name}" for name in failed] + done.text.splitlines()[-30:])
    if done.exit_code is None:
        pytest.fail(f"make {step.target} was ended after {done.seconds:.0f} s\n{tail}", pytrace=False)
    if done.exit_code:
        pytest.fail(f"make {step.target} failed, {steps.relative_log(files)} ends:\n{tail}", pytrace=False)
    assert not failed, f"make {step.target} ended well although these failed: {failed}"
