"""Run one Python action: read the order from stdin, load the class, call run(), write the result to its pipe.

Exit codes are StackStorm's: 0 done, 1 an exception (its traceback is on stderr), 220 run() returned a status that is
neither true nor false.
"""

import json
import os
import sys

INVALID_STATUS = 220
_SHIMS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    with open(0, "rb", closefd=False) as stdin:
        order = json.loads(stdin.read())
    result_fd = _claim(order["result_fd"])
    _prepare_path(order["file"])

    from stormlet_child.loading import instantiate
    from stormlet_child.service import Wrapper

    wrapper = Wrapper(order["pack"], order["file"], order["config"], order["user"], order["log_level"])
    action = instantiate(wrapper)
    outcome = action.run(**order["parameters"])
    status = None
    if isinstance(outcome, tuple) and len(outcome) == 2:
        status, outcome = outcome
        if status is not None and not isinstance(status, bool):
            sys.stderr.write(
                "Status returned from the action run() method must either be True or False, got: %s\n"
                "To return two values, return them as a list, or as (True, (first, second)).\n" % (status,)
            )
            sys.exit(INVALID_STATUS)
    _write_result(result_fd, outcome, status)


def _claim(fd):
    """Move the result pipe out of reach: of the action's own children, and of code that writes to low numbers."""
    import fcntl

    claimed = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)
    os.close(fd)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return claimed


def _prepare_path(file):
    """The wrapper's own directory is not the action's business; the action's directory comes last, as in StackStorm."""
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != own]
    if _SHIMS not in sys.path:
        sys.path.append(_SHIMS)
    directory = os.path.dirname(os.path.realpath(file))
    if directory not in sys.path:
        sys.path.append(directory)


def _write_result(fd, result, status):
    from stormlet_child.results import encode

    data = memoryview(encode(result, status))
    try:
        while data:
            data = data[os.write(fd, data) :]
    except BrokenPipeError:
        pass  # nobody wants to know any more
    os.close(fd)


if __name__ == "__main__":
    main()
