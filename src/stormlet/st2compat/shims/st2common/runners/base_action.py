"""The class that Python actions derive from."""

import abc

from st2common.runners.utils import PackConfigDict, get_logger_for_python_runner_action

__all__ = ["Action"]


class Action(metaclass=abc.ABCMeta):
    """An action: `self.config`, `self.logger`, `self.action_service`, and a run() that gets the parameters by name."""

    description = None

    def __init__(self, config=None, action_service=None):
        wrapper = getattr(action_service, "_action_wrapper", None)
        self.action_service = action_service
        self.config = PackConfigDict(getattr(wrapper, "_pack", "unknown"), config or {})
        self._log_level = getattr(wrapper, "_log_level", "debug")

    @property
    def logger(self):
        # Made when it is first used: importing logging would double the time before the action's first line.
        if "_logger" not in self.__dict__:
            level = self.__dict__.get("_log_level", "debug")
            self._logger = get_logger_for_python_runner_action(type(self).__name__, level)
        return self._logger

    @logger.setter
    def logger(self, logger):
        self._logger = logger

    @abc.abstractmethod
    def run(self, **kwargs):
        """Do it. Return a value, or (True, value), or (False, value)."""
