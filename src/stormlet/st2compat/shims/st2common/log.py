"""StackStorm's logging: names begin with `st2.`, there is a level AUDIT, and `extra` cannot overwrite a record's own fields."""

import logging
from logging import *  # noqa: F403 - packs use this module in the place of logging

__all__ = ["getLogger", "setup"]

AUDIT = logging.CRITICAL + 10
logging.addLevelName(AUDIT, "AUDIT")
logging.AUDIT = AUDIT
_METHODS = ("debug", "info", "warning", "error", "critical", "exception", "log")


def getLogger(name=""):
    """Return the logger of that name under `st2.`."""
    full = name if name.startswith("st2.") else "st2.%s" % name
    logger = logging.getLogger(full)
    if not hasattr(logger, "audit"):
        for method in _METHODS:
            setattr(logger, method, _prefixing(getattr(logger, method)))
        logger.audit = lambda message, *args, **kwargs: logger.log(AUDIT, message, *args, **kwargs)
    return logger


def setup(*args, **kwargs):
    """Nothing to set up: what a child logs goes to its stderr."""


def _prefixing(method):
    def logged(*args, **kwargs):
        if isinstance(kwargs.get("extra"), dict):
            kwargs["extra"] = {"_" + key: value for key, value in kwargs["extra"].items()}
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        return method(*args, **kwargs)

    return logged
