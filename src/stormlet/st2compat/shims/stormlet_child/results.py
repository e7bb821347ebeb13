"""Turn what run() returned into JSON; what JSON has no word for becomes text, as in StackStorm."""

import json


def encode(result, status):
    """Return the answer to the engine as bytes: {"result": ..., "status": true, false or null}."""
    try:
        text = json.dumps({"result": result, "status": status}, default=_other, allow_nan=False, ensure_ascii=False)
    except ValueError:
        text = _encode_oddities(result, status)
    except (TypeError, RecursionError):
        text = json.dumps({"result": _text(result), "status": status}, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _encode_oddities(result, status):
    """Not-a-number and infinity become null; a structure that holds itself becomes text."""
    try:
        return json.dumps({"result": _finite(result), "status": status}, default=_other, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return json.dumps({"result": _text(result), "status": status}, ensure_ascii=False)


def _finite(value):
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(content) for key, content in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(content) for content in value]
    return value


def _other(value):
    """Moments, UUIDs, enums and dataclasses have an obvious form; everything else makes the whole result text."""
    kind = type(value)
    module = kind.__module__
    if module == "datetime" and hasattr(value, "isoformat"):
        return value.isoformat()
    if module == "uuid":
        return str(value)
    if hasattr(kind, "__members__") and hasattr(value, "value"):
        return value.value
    if hasattr(kind, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in kind.__dataclass_fields__}
    raise TypeError(module)


def _text(value):
    try:
        return str(value)
    except Exception as error:
        return "<result of type %s, which cannot be shown: %r>" % (type(value).__name__, error)
