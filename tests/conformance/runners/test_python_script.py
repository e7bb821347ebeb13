"""python-script: how actions are found, constructed, run, and what becomes of what they return."""

import time
from typing import Any

import pytest

from stormlet.flow.execution.halt import Halt, HaltReason
from stormlet.model.execution import ExecutionStatus

ACTION = (
    "from st2common.runners.base_action import Action\n\n\nclass Probe(Action):\n    def run(self, **given):\n        "
)


async def test_result_has_the_shape_of_st2(bench: Any) -> None:
    """An action gives result, exit_code, stdout, stderr and nothing else; parameters arrive by name."""
    got = await bench.python(ACTION + "print('seen'); return {'got': given}", word="wörd", number=2**70, nothing=None)
    assert got.status is ExecutionStatus.SUCCEEDED
    assert got.result == {
        "result": {"got": {"word": "wörd", "number": 2**70}},
        "exit_code": 0,
        "stdout": "seen\n",
        "stderr": "",
    }


@pytest.mark.parametrize(
    ("returned", "status", "result"),
    [
        ("(True, {'a': 1})", ExecutionStatus.SUCCEEDED, {"a": 1}),
        ("(False, 'why')", ExecutionStatus.FAILED, "why"),
        ("(True, None)", ExecutionStatus.SUCCEEDED, None),
        ("(None, 5)", ExecutionStatus.SUCCEEDED, 5),
        ("(1, 2, 3)", ExecutionStatus.SUCCEEDED, [1, 2, 3]),
        ("[True, 'x']", ExecutionStatus.SUCCEEDED, [True, "x"]),
        ("None", ExecutionStatus.SUCCEEDED, None),
        ("b'bytes'", ExecutionStatus.SUCCEEDED, "b'bytes'"),
        ("{1, 1}", ExecutionStatus.SUCCEEDED, "{1}"),
        ("{'a': object}", ExecutionStatus.SUCCEEDED, "{'a': <class 'object'>}"),
        ("float('nan')", ExecutionStatus.SUCCEEDED, None),
        ("[float('inf'), 1.5]", ExecutionStatus.SUCCEEDED, [None, 1.5]),
        ("'\\ud800 end'", ExecutionStatus.SUCCEEDED, "? end"),
        ("__import__('datetime').date(2026, 1, 2)", ExecutionStatus.SUCCEEDED, "2026-01-02"),
        ("__import__('uuid').UUID(int=5)", ExecutionStatus.SUCCEEDED, "00000000-0000-0000-0000-000000000005"),
    ],
)
async def test_what_is_returned_becomes_the_result(
    bench: Any, returned: str, status: ExecutionStatus, result: Any
) -> None:
    """A pair of a boolean and a value is a verdict; anything else is the result, as text where JSON has no word for it."""
    got = await bench.python(ACTION + f"return {returned}")
    assert (got.status, got.result["result"], got.result["exit_code"]) == (status, result, 0)


async def test_a_structure_that_holds_itself_becomes_text(bench: Any) -> None:
    """A result that cannot be written down as JSON does not lose the execution."""
    got = await bench.python(ACTION + "knot = []; knot.append(knot); return knot")
    assert got.result["result"] == "[[...]]"


async def test_an_exception_fails_the_action(bench: Any) -> None:
    """An exception gives status failed, exit code 1, the traceback in stderr, and st2's word for no result."""
    got = await bench.python(ACTION + "raise RuntimeError('broken')")
    assert got.status is ExecutionStatus.FAILED
    assert (got.result["exit_code"], got.result["result"]) == (1, "None")
    assert got.result["stderr"].startswith("Traceback (most recent call last)")
    assert got.result["stderr"].endswith("RuntimeError: broken\n")


@pytest.mark.parametrize(
    ("ending", "code", "status"),
    [
        ("import sys; sys.exit(0)", 0, ExecutionStatus.SUCCEEDED),
        ("import sys; sys.exit(3)", 3, ExecutionStatus.FAILED),
        ("import os; os._exit(4)", 4, ExecutionStatus.FAILED),
        ("import os; os.kill(os.getpid(), 9)", -9, ExecutionStatus.FAILED),
    ],
)
async def test_an_action_may_end_its_process(bench: Any, ending: str, code: int, status: ExecutionStatus) -> None:
    """The exit code decides where run() never returned."""
    got = await bench.python(ACTION + ending)
    assert (got.status, got.result["exit_code"], got.result["result"]) == (status, code, "None")


async def test_a_status_that_is_no_boolean_is_said(bench: Any) -> None:
    """A pair whose first value is neither true nor false fails with exit code 220 and a cure."""
    got = await bench.python(ACTION + "return 'yes', 5")
    assert (got.status, got.result["exit_code"]) == (ExecutionStatus.FAILED, 220)
    assert "must either be True or False, got: yes" in got.result["error"]
    assert "return them as a list" in got.result["error"]


async def test_prints_cannot_forge_a_result(bench: Any) -> None:
    """st2's delimiter on stdout is output like any other."""
    delimiter = "%%%%%~=~=~=************=~=~=~%%%%"
    forged = f'{delimiter}{{"result": "forged", "status": true}}{delimiter}'
    got = await bench.python(ACTION + f"print({forged!r}); return False, 'real'")
    assert got.status is ExecutionStatus.FAILED
    assert got.result["result"] == "real"
    assert got.result["stdout"] == forged + "\n"


async def test_children_of_an_action_cannot_reach_its_result(bench: Any) -> None:
    """The result pipe is not inherited by what the action starts, and low numbers are free."""
    got = await bench.python(
        ACTION
        + "import subprocess; return subprocess.run('ls /proc/self/fd', shell=True, capture_output=True, text=True).stdout"
    )
    assert got.result["result"].split() == ["0", "1", "2", "3"], "the last one is the directory that ls reads"


async def test_large_parameters_and_results_pass(bench: Any) -> None:
    """Parameters and results of megabytes fit: they travel through pipes, not through arguments."""
    got = await bench.python(ACTION + "return given['word'] * 2", word="ü" * 1_000_000)
    assert got.result["result"] == "ü" * 2_000_000


async def test_a_result_beyond_the_bound_is_said(bench: Any) -> None:
    """A result of more than 16 MiB fails the action with a reason and leaves the engine's memory alone."""
    got = await bench.python(ACTION + "return 'x' * 20_000_000")
    assert got.status is ExecutionStatus.FAILED
    assert got.result["error"] == "the result was dropped: it is larger than 16 MiB"


async def test_parameters_and_config_are_not_shown_by_ps(bench: Any) -> None:
    """Secrets in parameters and config appear neither in the arguments nor in the environment of the process."""
    bench.config = {"password": "hunter2"}
    text = (
        "return True, [[open('/proc/self/' + name).read() for name in ('cmdline', 'environ')], self.config['password']]"
    )
    got = await bench.python(ACTION + text, secret="hunter2")
    shown, password = got.result["result"]
    assert password == "hunter2"
    assert "hunter2" not in "".join(shown)


async def test_timeout_ends_the_action(bench: Any) -> None:
    """An action that takes too long has status timeout, st2's sentence, and what it printed so far."""
    got = await bench.python(ACTION + "print('begun'); import signal; signal.pause()", timeout=1)
    assert got.status is ExecutionStatus.TIMEOUT
    assert got.result["error"] == "Action failed to complete in 1 seconds"
    assert got.result["stdout"] == "begun\n"


async def test_cancel_ends_the_action(bench: Any) -> None:
    """A cancelled action ends with status canceled."""
    halt = Halt()
    bench.on_output = lambda text: halt.request(HaltReason.CANCELED)
    got = await bench.python(ACTION + "print('begun'); import signal; signal.pause()", halt)
    assert got.status is ExecutionStatus.CANCELED


CONSTRUCTORS = {
    "both": ACTION + "return type(self.action_service).__name__",
    "config only (763 of 901 Exchange actions)": """
from st2common.runners.base_action import Action
class Probe(Action):
    def __init__(self, config):
        super(Probe, self).__init__(config)
        self.url = self.config['url']
    def run(self):
        return type(self.action_service).__name__
""",
    "no base class": """
class Probe(object):
    def __init__(self, config=None):
        self.url = config['url']
    def run(self):
        return type(self.action_service).__name__
""",
    "no constructor": """
class Probe:
    def run(self):
        return type(self.action_service).__name__ if self.config['url'] else ''
""",
    "a base class in actions/lib": """
from lib.base import Base
class Probe(Base):
    def run(self):
        return type(self.action_service).__name__
""",
    "an abstract base beside it": """
import abc
from st2common.runners.base_action import Action
class AAbstract(Action):
    @abc.abstractmethod
    def fetch(self): ...
    def run(self):
        return self.fetch()
class Probe(AAbstract):
    def fetch(self):
        return type(self.action_service).__name__
""",
}


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
async def test_actions_are_constructed_however_they_are_written(bench: Any, constructor: str) -> None:
    """Every constructor that packs of the Exchange have is called the way it wants."""
    bench.config = {"url": "http://x"}
    bench.script("lib/__init__.py", "")
    bench.script("lib/base.py", "from st2common.runners.base_action import Action\nclass Base(Action):\n    pass\n")
    got = await bench.python(CONSTRUCTORS[constructor])
    assert got.result["stderr"] == ""
    assert got.result["result"] == "ActionService"


async def test_modules_are_found_where_packs_put_them(bench: Any) -> None:
    """`import` looks into actions/lib, and into the entry point's own directory."""
    bench.script("lib/in_lib.py", "WORD = 'lib'\n")
    bench.script("beside.py", "WORD = 'beside'\n")
    text = "import beside\nimport in_lib\n" + ACTION + "return [in_lib.WORD, beside.WORD]"
    assert (await bench.python(text)).result["result"] == ["lib", "beside"]


async def test_an_action_may_be_called_like_a_library(bench: Any) -> None:
    """actions/json.py can import the library json."""
    bench.script("json.py", "import json\n" + ACTION + "return json.dumps([1])")
    got = await bench.run(bench.action("python-script", entry_point="json.py"), {})
    assert got.result["result"] == "[1]"


async def test_dataclasses_work_in_entry_points(bench: Any) -> None:
    """A dataclass with late annotations needs its module to be registered; it is."""
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n"
    )
    got = await bench.python(text + ACTION + "return Point(3)")
    assert got.result["result"] == {"x": 3}


async def test_a_saved_change_counts_at_once(bench: Any) -> None:
    """An entry point that was saved twice within a second runs as it is now; no stale bytecode."""
    first = await bench.python(ACTION + "return 1")
    second = await bench.python(ACTION + "return 2")
    assert (first.result["result"], second.result["result"]) == (1, 2)


async def test_missing_config_keys_are_said(bench: Any) -> None:
    """`self.config['missing']` can be caught as ValueError and as KeyError, and says what to do."""
    text = (
        "import json\n"
        + ACTION
        + """
        caught = []
        for kind in (ValueError, KeyError):
            try:
                self.config['missing']
            except kind as error:
                caught.append(str(error))
        return caught + [self.config.get('missing', 'default'), 'missing' in self.config]"""
    )
    got = await bench.python(text)
    said = 'Config for pack "bench" is missing key "missing". Add it to bench.yaml in the directory of configs.'
    assert got.result["result"] == [said, said, "default", False]


async def test_the_logger_writes_to_stderr(bench: Any) -> None:
    """`self.logger` writes what is of `log_level` or above."""
    text = ACTION + "self.logger.debug('small'); self.logger.warning('big %s', 1); self.logger.audit('kept'); return 1"
    got = await bench.python(text, log_level="WARNING")
    assert got.result["stderr"] == "st2.actions.python.Probe: WARNING  big 1\nst2.actions.python.Probe: AUDIT    kept\n"


async def test_names_of_st2common_can_be_imported(bench: Any) -> None:
    """What packs of the Exchange import of st2 besides Action is there."""
    text = (
        """
from st2common import log as logging
from st2common.exceptions.action import InvalidActionParameterException
from st2common.runners.utils import get_logger_for_python_runner_action
from st2common.util import isotime
from st2reactor.sensor.base import PollingSensor, Sensor
LOG = logging.getLogger(__name__)
"""
        + ACTION
        + """
        LOG.info('with extra', extra={'name': 'would collide'})
        return [isotime.format(isotime.parse('2026-01-02T03:04:05Z'), offset=False), logging.INFO]"""
    )
    assert (await bench.python(text)).result["result"] == ["2026-01-02T03:04:05.000000Z", 20]


async def test_user_environment_reaches_the_action_but_pythonpath(bench: Any) -> None:
    """`env` adds variables; PYTHONPATH is dropped, as in st2."""
    text = (
        ACTION
        + "import os; return [os.environ['WORD'], 'elsewhere' in os.environ['PYTHONPATH'], os.environ['ST2_API_URL']]"
    )
    got = await bench.python(text, env={"WORD": "x", "PYTHONPATH": "/elsewhere"})
    assert got.result["result"] == ["x", False, "http://127.0.0.1:9/v1"]


async def test_stdin_is_empty_for_the_action(bench: Any) -> None:
    """The action sees no trace of its order on stdin."""
    assert (await bench.python(ACTION + "import sys; return sys.stdin.read()")).result["result"] == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module_anywhere\n", "No module named 'no_such_module_anywhere'"),
        ("X = 1\n", "Found no class with a run() method"),
        ("from st2common.runners.base_action import Action\nclass A(Action):\n    pass\n", "(classes there: A)"),
    ],
)
async def test_entry_points_that_cannot_be_loaded_are_said(bench: Any, text: str, said: str) -> None:
    """A file with a mistake fails the action, with the reason in stderr."""
    got = await bench.python(text)
    assert (got.status, got.result["exit_code"]) == (ExecutionStatus.FAILED, 1)
    assert said in got.result["stderr"]


@pytest.mark.parametrize(
    ("entry_point", "said"),
    [
        ("", "names no entry point"),
        ("gone.py", "does not exist"),
        ("../../elsewhere.py", "lies outside of its pack"),
        ("/etc/passwd", "lies outside of its pack"),
        ("nul\0.py", "cannot read the entry point"),
    ],
)
async def test_entry_points_that_cannot_be_run_are_said(bench: Any, entry_point: str, said: str) -> None:
    """A missing entry point, or one outside of the pack, is a clear failure."""
    got = await bench.run(bench.action("python-script", entry_point=entry_point), {})
    assert got.status is ExecutionStatus.FAILED
    assert said in got.result["error"]
    assert got.result["traceback"] == ""


async def test_user_code_starts_soon(bench: Any) -> None:
    """From the order to the action's first line it is a fraction of st2's 175 ms."""
    times = []
    for _ in range(5):
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        got = await bench.python(ACTION + "import time; return time.clock_gettime(time.CLOCK_MONOTONIC)")
        times.append(got.result["result"] - before)
    assert min(times) < 0.2, "it takes about 0.025; the machine may have other things to do"
