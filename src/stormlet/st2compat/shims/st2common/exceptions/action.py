"""Exceptions of actions."""

from st2common.exceptions import StackStormBaseException

__all__ = ["InvalidActionParameterException", "InvalidActionReferencedException", "ParameterRenderingFailedException"]


class ParameterRenderingFailedException(StackStormBaseException):
    """A parameter's template could not be rendered."""


class InvalidActionReferencedException(StackStormBaseException):
    """There is no such action."""


class InvalidActionParameterException(StackStormBaseException):
    """A parameter has a value that the action cannot use."""
