"""Quoting for shells."""

import shlex

__all__ = ["quote_unix"]


def quote_unix(value):
    """Return the value as one word of a shell's command line."""
    return shlex.quote(value)
