"""What holds for every test: under CI nothing is skipped in silence."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI=true: a machine that lacks something has proved nothing.

    Only a skip whose reason begins with `optional: ` stays one, and pytest's summary lists it.
    """
    report = yield
    optional = isinstance(report.longrepr, tuple) and "optional: " in report.longrepr[2]
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail") and not optional:
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {report.longrepr}"
    return report
