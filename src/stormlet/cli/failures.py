"""What goes wrong in a command, the exit code it ends with, and how it is told.

One table maps every error of the engine to an exit code; a test holds it total. Standard output stays empty on failure:
everything here goes to standard error, as a line for people or as JSON where the command was asked for JSON.
"""

import sys
from collections.abc import Mapping

from stormlet.foundation import errors

OK = 0
FAILED = 1
USAGE = 2
NOT_FOUND = 3
AUTH = 4
UNREACHABLE = 5
UNSUCCESSFUL = 6
INTERRUPTED = 130

MEANINGS: Mapping[int, str] = {
    OK: "it worked",
    FAILED: "it failed, or it found something: problems, or no rule that matched",
    USAGE: "the command line or a setting cannot be understood",
    NOT_FOUND: "what was named does not exist",
    AUTH: "no valid credential, or one that may not do this",
    UNREACHABLE: "the server cannot be reached, is overloaded, or answered with an error of its own",
    UNSUCCESSFUL: "the action ran, and was not successful",
    INTERRUPTED: "interrupted by Ctrl-C",
}
"""docs/reference/commands.md and `stormlet explain exit-codes` are made from this."""

EXIT_CODES: Mapping[type[errors.StormletError], int] = {
    errors.StormletError: FAILED,
    errors.SettingsError: USAGE,
    errors.InvalidInputError: FAILED,
    errors.RenderError: FAILED,
    errors.UnauthorizedError: AUTH,
    errors.ForbiddenError: AUTH,
    errors.NotFoundError: NOT_FOUND,
    errors.ConflictError: FAILED,
    errors.TooLargeError: FAILED,
    errors.OverloadedError: UNREACHABLE,
    errors.RateLimitedError: UNREACHABLE,
    errors.StoreError: FAILED,
    errors.LockedError: FAILED,
}


class CommandError(Exception):
    """A command cannot do what it was asked to."""

    def __init__(self, text: str, *, hint: str = "", exit_code: int = FAILED, code: str = "failed") -> None:
        self.text = text
        self.hint = hint
        self.exit_code = exit_code
        self.code = code
        super().__init__(text)


class Session:
    """What one call of the command line has learned about itself so far."""

    def __init__(self) -> None:
        self.output = "table"

    @property
    def machine_readable(self) -> bool:
        """Tell whether errors are to be JSON."""
        return self.output == "json"


def report(error: CommandError | errors.StormletError, session: Session) -> int:
    """Tell the error on standard error and return the exit code that belongs to it."""
    code = error.exit_code if isinstance(error, CommandError) else EXIT_CODES[type(error)]
    if session.machine_readable:
        import json

        document = {"code": error.code, "text": error.text, "hint": error.hint, "exit_code": code}
        print(json.dumps({"error": {key: value for key, value in document.items() if value != ""}}), file=sys.stderr)
        return code
    from stormlet.cli.text import visible

    print(f"stormlet: {visible(error.text)}", file=sys.stderr)
    if error.hint:
        print(f"  hint: {visible(error.hint)}", file=sys.stderr)
    return code
