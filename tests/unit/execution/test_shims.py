"""The stand-ins for st2's modules, in an interpreter of their own."""

import subprocess
import sys

import pytest

from stormlet.st2compat.host import SHIMS


def run(text: str) -> str:
    """Run `text` with the shims on the path and nothing else of ours, and return what it prints."""
    command = [sys.executable, "-S", "-c", text]
    done = subprocess.run(command, env={"PYTHONPATH": str(SHIMS)}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("call", "printed"),
    [
        ("isotime.parse('2026-01-02T03:04:05.678Z').isoformat()", "2026-01-02T03:04:05.678000+00:00"),
        ("isotime.parse('2026-01-02 03:04:05+00:00').isoformat()", "2026-01-02T03:04:05+00:00"),
        ("isotime.parse('2026-01-02T05:04:05+02:00', validate_value=False).isoformat()", "2026-01-02T03:04:05+00:00"),
        ("isotime.parse('2026-01-02T05:04:05+02', True, False).isoformat()", "2026-01-02T05:04:05+02:00"),
        ("isotime.format('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05.000000+00:00"),
        ("isotime.format(0, usec=False, offset=False)", "1970-01-01T00:00:00Z"),
        ("isotime.validate('yesterday', raise_exception=False)", "False"),
        ("isotime.validate('2026-01-02T03:04:05Z')", "True"),
    ],
)
def test_isotime_reads_and_writes_moments(call: str, printed: str) -> None:
    """Results are those of st2common.util.isotime."""
    assert run(f"from st2common.util import isotime; print({call})") == printed


@pytest.mark.parametrize("value", ["yesterday", "2026-01-02", "2026-13-02T03:04:05Z"])
def test_isotime_refuses_what_is_no_moment(value: str) -> None:
    """ValueError, as in st2."""
    text = f"from st2common.util import isotime\ntry: isotime.parse({value!r})\nexcept ValueError: print('refused')"
    assert run(text) == "refused"


def test_sensors_have_both_spellings_of_their_attributes() -> None:
    """Packs use names with an underscore and without; the interval can be read and set."""
    text = """
from st2reactor.sensor.base import PollingSensor
class S(PollingSensor):
    def setup(self): pass
    def poll(self): pass
    def cleanup(self): pass
    def add_trigger(self, trigger): pass
    def update_trigger(self, trigger): pass
    def remove_trigger(self, trigger): pass
s = S('service', {'a': 1}, poll_interval=3)
s.set_poll_interval(4)
print(s.sensor_service, s._sensor_service, s.config, s._config, s.get_poll_interval(), s._poll_interval)
"""
    assert run(text) == "service service {'a': 1} {'a': 1} 4 4"


def test_actions_can_be_made_by_tests_of_packs() -> None:
    """Action can be constructed without a service, and is abstract without run()."""
    text = """
from st2common.runners.base_action import Action
class A(Action):
    def run(self): return self.config.get('a')
class Without(Action):
    pass
print(A({'a': 1}).run(), A(config={}, action_service=None).action_service)
try: Without()
except TypeError: print('abstract')
"""
    assert run(text) == "1 None\nabstract"
