"""Find the action's class in its file, and make an instance of it."""

import os
import sys


def instantiate(wrapper):
    """Return the action, ready to run."""
    from stormlet_child.service import ActionService

    module = load(wrapper._file_path)
    found = find_class(module)
    wrapper._class_name = found.__name__
    service = ActionService(wrapper)
    config = _config(wrapper)
    try:
        return found(config=config, action_service=service)
    except TypeError as error:
        # Most actions of the Exchange were written before there was an action_service; a few are no Actions at all.
        if "takes no arguments" in str(error):
            action = found()
            action.config = config
        elif "action_service" in str(error):
            action = found(config=config)
        else:
            raise
    action.action_service = service
    return action


def load(file):
    """Run the file as a module. It is compiled anew each time, so that a saved change counts, whatever a cache believes."""
    with open(file, "rb") as source:
        code = compile(source.read(), file, "exec", dont_inherit=True)
    # A name of our own: under its bare name it would stand in for a library that is called the same (actions/slack.py).
    name = "st2_action_" + os.path.splitext(os.path.basename(file))[0]
    module = type(sys)(name)
    module.__file__ = file
    sys.modules[name] = module
    exec(code, module.__dict__)
    return module


def find_class(module):
    """Return the module's own class that has a run() of its own making; one derived from st2's Action is preferred."""
    from st2common.runners.base_action import Action

    own = [
        value
        for _, value in sorted(vars(module).items())
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    candidates = [value for value in own if callable(getattr(value, "run", None)) and not _abstract(value)]
    for value in candidates:
        if issubclass(value, Action):
            return value
    if candidates:
        return candidates[0]
    names = ", ".join(value.__name__ for value in own) or "none"
    raise ValueError(
        'Found no class with a run() method in "%s" (classes there: %s); '
        "derive one from st2common.runners.base_action.Action" % (module.__file__, names)
    )


def _abstract(value):
    return bool(getattr(value, "__abstractmethods__", None))


def _config(wrapper):
    from st2common.runners.utils import PackConfigDict

    return PackConfigDict(wrapper._pack, wrapper._config or {})
