"""pytest's side of the harness: options, which tests are in a session, the running report, the closing line.

Started by tests/test.mk. The work is done in threads (session.py, jobs.py), begun as soon as the tests are
collected; a test function waits for its job and judges. Read next: session.py, test_environments.py.
"""

import os
import sys
import time

import pytest

import deviations
import environments
import qemu
import results
import steps
from session import REPO, Session

STATUS = {"passed": results.PASS, "failed": results.FAIL, "skipped": results.SKIP}
WORDS = {results.PASS: "ok", results.FAIL: "FAILED", results.SKIP: "skipped"}


def pytest_addoption(parser):
    group = parser.getgroup("paravane")
    group.addoption("--build", default=os.path.join(REPO, "build"), help="build directory (build)")
    group.addoption("--env", default="", help="this one environment only")
    group.addoption("--tests", default="", metavar="GLOB", help="the in-kernel tests that match, in place of all")
    group.addoption("--quick", action="store_true", help="two minutes: host tests and the quickest environments")
    group.addoption("--matrix", action="store_true", help="the pairwise matrix instead of the suite")
    group.addoption("--soak", action="store_true", help="over and over, and for long: test_soak.py")
    group.addoption("--soak-boots", type=int, default=0, metavar="N", help="of it: so many boots in a row")
    group.addoption("--soak-seconds", type=int, default=0, metavar="N", help="of it: everything at once for so long")
    group.addoption("--soak-minutes", type=float, default=0, metavar="N", help="of it: rounds of environments")


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: also run by QUICK=1")
    config.harness_begin = time.monotonic()
    config.harness = Session(config.getoption("--build"), config.getoption("--tests") or "all")


def pytest_generate_tests(metafunc):
    """The parameters `env` and `step` are rows of the two tables."""
    if "env" in metafunc.fixturenames:
        rows = environment_rows(metafunc.config)
        metafunc.parametrize("env", rows, ids=[row.name for row in rows])
    if "step" in metafunc.fixturenames:
        metafunc.parametrize("step", steps.STEPS, ids=[row.name for row in steps.STEPS])


def environment_rows(config):
    if config.getoption("--env"):
        try:
            return [environments.by_name(config.getoption("--env"))]
        except KeyError as error:
            raise pytest.UsageError(error.args[0]) from error
    if config.getoption("--matrix"):
        return environments.matrix()
    return environments.ENVIRONMENTS + environments.VARIATIONS


def parameter(item, name):
    callspec = getattr(item, "callspec", None)
    return callspec.params.get(name) if callspec else None


def belongs(config, item):
    """Whether @item is part of the session that the options ask for."""
    env, step = parameter(item, "env"), parameter(item, "step")
    is_soak = item.name.startswith("test_soak")
    if config.getoption("--soak"):
        return is_soak
    if config.getoption("--env") or config.getoption("--matrix"):
        return env is not None
    if config.getoption("--quick"):
        return (env or step).quick if env or step else item.get_closest_marker("quick") is not None
    return not is_soak


def pytest_collection_modifyitems(config, items):
    chosen = [item for item in items if belongs(config, item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_collection_finish(session):
    """Begins the jobs of all chosen tests, in the tests' order."""
    harness = session.config.harness
    if session.config.option.collectonly:
        return
    for item in session.items:
        env, step = parameter(item, "env"), parameter(item, "step")
        if env:
            harness.jobs.submit(env.name, env.cores, lambda env=env: harness.run_environment(env))
        if step:
            harness.jobs.submit(step.name, step.cores, lambda step=step: steps.run(step, harness.files(step.name)))


@pytest.fixture(name="harness", scope="session")
def harness_fixture(request):
    return request.config.harness


def pytest_report_teststatus(report):
    """No dots: each test has its line (below)."""
    return report.outcome, "", ""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Enters each test; a skip that CI does not allow fails."""
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" and report.passed:
        return
    text = report.longreprtext
    if report.skipped and isinstance(report.longrepr, tuple):
        text = report.longrepr[2].removeprefix("Skipped: ")
    group = os.path.basename(item.fspath.basename).removesuffix(".py")
    harness = item.config.harness
    status = harness.results.add(group, item.name, STATUS[report.outcome], text, report.duration)
    if report.skipped and status == results.FAIL:
        report.outcome, report.longrepr = "failed", harness.results.cases[-1].text
    detail = f": {text}" if status == results.SKIP else ""
    say(item.config, f"{WORDS[status]:<8} {group.removeprefix('test_')}: {item.name}{detail}")


def say(config, line):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reporter.write_line(line)
    reporter.flush()


def pytest_sessionfinish(session):
    harness = session.config.harness
    harness.jobs.slots.close()
    qemu.end_all()
    options = session.config.option
    selected = options.quick or options.env or options.matrix or options.soak or options.collectonly
    if not selected and any(parameter(item, "env") for item in session.items):
        harness.results.check_really_ran()
        harness.results.check_left_out(deviations.load())
    if not session.config.option.collectonly and not harness.results.good and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter, config):
    if config.option.collectonly:
        return
    harness = config.harness
    account = harness.results
    used = time.monotonic() - config.harness_begin
    whole = environments.QUICK_SECONDS if config.getoption("--quick") else environments.SUITE_SECONDS
    if not (config.getoption("--matrix") or config.getoption("--soak")):
        account.add_budget("all of it", whole, whole * environments.LOAD_FACTOR, used, "")
    terminalreporter.write_line("")
    for line in account.table() + [""]:
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"A limit is {environments.LOAD_FACTOR} times the budget: the machine may be busy.")
    for line in account.left_out_lines(deviations.load()):
        terminalreporter.write_line(line)
    for line in account.remarks:
        terminalreporter.write_line(f"remark: {line}")
    for case in account.skips():
        terminalreporter.write_line(f"skipped: {case.group}: {case.name}: {case.text}")
    for case in account.failures():
        terminalreporter.write_line(f"FAILED: {case.group}: {case.name}")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """The closing line is the last thing said, alone on its line."""
    harness = getattr(config, "harness", None)
    if harness is None or config.option.collectonly or hasattr(config, "workerinput"):
        return
    harness.results.write_junit(os.path.join(harness.logs, "junit.xml"))
    print(harness.results.closing_line(), flush=True)
    sys.stdout.flush()
