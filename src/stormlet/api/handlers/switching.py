"""Writing content: what was made here is replaced; what comes from a file is switched on or off, and nothing else.

StackStorm's client switches a thing by sending it back whole with `enabled` changed, so the rest must be allowed to be there
as long as it is what was shown.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from stormlet.api.call import Call
from stormlet.foundation.errors import InvalidInputError
from stormlet.st2compat.api_names.content import differences, without_computed


async def put_document(call: Call, kind: str, ref: str, document: Mapping[str, Any]) -> None:
    """Replace what was made through the API."""
    await call.services.ruleset.put(kind, dict(document), create=False, user=call.user, ref=ref)


async def switch_from_document(
    call: Call,
    kind: str,
    ref: str,
    document: Mapping[str, Any],
    shown: Sequence[Mapping[str, Any]],
    file: str,
) -> None:
    """Take `enabled` out of a document that was sent back.

    Args:
        call: the request.
        kind: `rule` or `action`.
        ref: what it names.
        document: as sent.
        shown: what a client may have been shown: with secrets masked, and in clear.
        file: where it comes from, for the message.

    Raises:
        InvalidInputError: more than `enabled` differs; the text names the file.
    """
    sent = without_computed(document)
    changed = min((differences(sent, each) for each in shown), key=len)
    if changed:
        names = ", ".join(sorted(changed))
        raise InvalidInputError(
            f'{kind} "{ref}" comes from the file {PurePath(file).name}: {names} cannot be changed here, only enabled',
            hint=f"edit {file}",
        )
    enabled = document.get("enabled")
    if enabled is None or enabled == shown[0].get("enabled"):
        return
    if not isinstance(enabled, bool):
        raise InvalidInputError(f"enabled: {enabled!r} is not of type 'boolean'")
    await call.services.ruleset.set_enabled(kind, ref, enabled)
