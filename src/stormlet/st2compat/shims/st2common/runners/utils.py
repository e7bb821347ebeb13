"""What actions and their base class use."""

__all__ = ["PackConfigDict", "get_action_class_instance", "get_logger_for_python_runner_action"]


class MissingConfigError(ValueError, KeyError):
    """The pack's config lacks a key. Packs catch it by either of its bases."""

    def __str__(self):
        return str(self.args[0]) if self.args else ""


class PackConfigDict(dict):
    """A pack's config: a dictionary that says what to do about a key that is missing."""

    def __init__(self, pack_name, *args):
        super().__init__(*args)
        self._pack_name = pack_name

    def __missing__(self, key):
        raise MissingConfigError(
            'Config for pack "%s" is missing key "%s". Add it to %s.yaml in the directory of configs.'
            % (self._pack_name, key, self._pack_name)
        )


def get_logger_for_python_runner_action(action_name, log_level="debug"):
    """Return a logger that writes to stderr what is of that level or above."""
    import logging

    from st2common import log

    logger = log.getLogger("actions.python.%s" % action_name)
    if not logger.handlers:
        level = logging.getLevelName(str(log_level).upper())
        level = level if isinstance(level, int) else logging.DEBUG
        handler = logging.StreamHandler()
        handler.setLevel(level)
        handler.setFormatter(logging.Formatter("%(name)-12s: %(levelname)-8s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(level)
    return logger


def get_action_class_instance(action_cls, config=None, action_service=None):
    """Make an action, also one whose constructor knows nothing of an action_service."""
    try:
        return action_cls(config=config, action_service=action_service)
    except TypeError as error:
        if "action_service" not in str(error):
            raise
    action = action_cls(config=config)
    action.action_service = action_service
    return action
