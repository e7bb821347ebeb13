"""Exceptions that packs raise and catch."""

__all__ = ["StackStormBaseException"]


class StackStormBaseException(Exception):
    """The root of StackStorm's exceptions."""
