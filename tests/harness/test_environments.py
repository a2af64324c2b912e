"""Every environment of the table boots the image and runs its tests; each in-kernel test is entered under its
environment."""

import pytest

import elftests
import ktap
from session import CannotRun


def test_environment(env, harness):
    try:
        done = harness.jobs.wait(env.name)
    except CannotRun as reason:
        pytest.skip(str(reason))
    if env.selects_tests and not ktap.select(harness.image.tests, harness.glob):
        pytest.fail(f"no test of the image matches {harness.glob!r}", pytrace=False)
    judged = done.judgements[0]
    harness.results.add_budget(env.name, env.seconds, env.limit, done.seconds, judged.verdict.value)
    harness.results.add_run(env.name, judged.run)
    harness.results.remarks += [f"{env.name}: {remark}" for remark in done.remarks]
    if done.seconds > env.limit:
        done.problems.append(f"took {done.seconds:.1f} s, the limit is {env.limit} s")
    if done.problems:
        pytest.fail("\n".join(f"{env.name}: {problem}" for problem in done.problems), pytrace=False)


def test_image_has_tests(harness):
    names = harness.image.tests
    assert names, "the image holds no test"
    assert len(set(names)) == len(names), "two tests of one name"
    assert not elftests.misnamed(names), f"a test's name begins with its room: {' '.join(elftests.ROOMS)}"
