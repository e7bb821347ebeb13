"""The errors that cross a room's border, as one tree.

Each class has a `code` (stable, for programs) and a default sentence (its docstring's first line). What HTTP status
and what exit code belong to each is decided in `api/errors.py` and `cli/failures.py`; a test holds those tables total.

    StormletError
    ├── SettingsError        a setting, a flag or the home directory cannot be used
    ├── InvalidInputError    what was sent cannot be understood or breaks a schema
    │   └── RenderError      a template or an action parameter cannot be rendered
    ├── UnauthorizedError    no credential, or one that is not valid
    ├── ForbiddenError       a valid credential that may not do this
    ├── NotFoundError        the thing that was named does not exist
    ├── ConflictError        the thing exists already, or is in a state that forbids the change
    ├── TooLargeError        what was sent is larger than a limit allows
    ├── OverloadedError      a queue is full or the disk is; try again later
    │   └── RateLimitedError  one sender has tried too often
    └── StoreError           the database cannot be used
        └── LockedError      another process holds it
"""


class StormletError(Exception):
    """Something went wrong that a person or a program outside must be told."""

    code = "error"

    def __init__(self, text: str = "", *, hint: str = "") -> None:
        self.text = text or (type(self).__doc__ or "").splitlines()[0]
        self.hint = hint
        super().__init__(self.text)

    def __str__(self) -> str:
        """Return the sentence, with its cure behind it where there is one."""
        return f"{self.text} ({self.hint})" if self.hint else self.text


class SettingsError(StormletError):
    """A setting, a flag or the home directory cannot be used."""

    code = "settings"


class InvalidInputError(StormletError):
    """What was sent cannot be understood."""

    code = "invalid_input"


class RenderError(InvalidInputError):
    """A template or an action parameter cannot be rendered."""

    code = "render"


class UnauthorizedError(StormletError):
    """No valid credential was sent."""

    code = "unauthorized"


class ForbiddenError(StormletError):
    """This credential may not do that."""

    code = "forbidden"


class NotFoundError(StormletError):
    """The thing that was named does not exist."""

    code = "not_found"


class ConflictError(StormletError):
    """The thing exists already, or is in a state that forbids the change."""

    code = "conflict"

    def __init__(self, text: str = "", *, hint: str = "", conflict_id: str = "") -> None:
        super().__init__(text, hint=hint)
        self.conflict_id = conflict_id


class TooLargeError(StormletError):
    """What was sent is larger than a limit allows."""

    code = "too_large"


class OverloadedError(StormletError):
    """The engine cannot take more at the moment; try again later."""

    code = "overloaded"

    def __init__(self, text: str = "", *, hint: str = "", retry_after: int = 5, disk_full: bool = False) -> None:
        super().__init__(text, hint=hint)
        self.retry_after = retry_after
        self.disk_full = disk_full


class RateLimitedError(OverloadedError):
    """Too many attempts; wait before the next one."""

    code = "rate_limited"


class StoreError(StormletError):
    """The database cannot be used."""

    code = "store"


class LockedError(StoreError):
    """The database is locked by another process."""
