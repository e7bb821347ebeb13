"""The limit of open files."""

import resource
import subprocess
import sys

import pytest

CODE = """
import resource, sys
from stormlet.foundation.open_files import allow_open_files
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(allow_open_files(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "becomes"),
    [(256, 900, 800, 800), (256, 900, 5000, 900), (800, 900, 300, 800), (900, 900, 900, 900)],
)
def test_the_limit_is_raised_as_far_as_it_may(soft: int, hard: int, wanted: int, becomes: int) -> None:
    """Up to the hard limit, which stays; never down. What is returned is what counts."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip("the hard limit of this machine is lower")
    command = [sys.executable, "-c", CODE, str(soft), str(hard), str(wanted)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert [int(word) for word in told] == [becomes, becomes, hard]
