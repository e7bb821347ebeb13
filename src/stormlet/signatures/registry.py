"""All schemes, by name, and the two doors of this room: `verify` and `sign`.

`verify` never raises, whatever a stranger sent. A scheme is always chosen by name, by the source that guards a URL;
nothing is ever guessed from the headers of a request, since whoever writes those could then choose the weakest.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from stormlet.foundation.errors import NotFoundError
from stormlet.signatures.aws_sns import AWS_SNS
from stormlet.signatures.catalogue_platforms import PLATFORMS
from stormlet.signatures.catalogue_services import SERVICES
from stormlet.signatures.cloudevents import CLOUDEVENTS
from stormlet.signatures.credentials import ALERTMANAGER, CREDENTIALS, DATADOG, DOCKERHUB, GITLAB_TOKEN, STACKSTORM
from stormlet.signatures.ed25519 import DISCORD, STANDARD_WEBHOOKS_ED25519
from stormlet.signatures.generic_hmac import GENERIC_HMAC
from stormlet.signatures.microsoft_graph import MSGRAPH
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.rfc9421 import RFC9421
from stormlet.signatures.scheme import Options, Scheme
from stormlet.signatures.secret import Secret
from stormlet.signatures.twilio import TWILIO
from stormlet.signatures.verification import Reason, Refusal, Verification

SCHEMES: Final[tuple[Scheme, ...]] = (
    *PLATFORMS,
    *SERVICES,
    STANDARD_WEBHOOKS_ED25519,
    DISCORD,
    TWILIO,
    AWS_SNS,
    RFC9421,
    MSGRAPH,
    CLOUDEVENTS,
    GITLAB_TOKEN,
    ALERTMANAGER,
    DATADOG,
    DOCKERHUB,
    STACKSTORM,
    CREDENTIALS,
    GENERIC_HMAC,
)


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


_BY_NAME: Final[Mapping[str, Scheme]] = MappingProxyType(
    {_normal(name): scheme for scheme in SCHEMES for name in (scheme.about.name, *scheme.about.aliases)}
)


def scheme_named(name: str) -> Scheme:
    """Return the scheme of that name or alias; `_` and `-` are the same.

    Raises:
        NotFoundError: there is none; the message names the nearest.
    """
    scheme = _BY_NAME.get(_normal(name))
    if scheme is None:
        near = get_close_matches(_normal(name), _BY_NAME, n=1)
        known = ", ".join(sorted(each.about.name for each in SCHEMES))
        raise NotFoundError(
            f"there is no signature scheme {name!r}",
            hint=f"did you mean {_BY_NAME[near[0]].about.name!r}?" if near else f"there are: {known}",
        )
    return scheme


def verify(
    scheme: Scheme, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options | None = None
) -> Verification:
    """Return the verdict on a request.

    `secrets` are all that are configured, the newest first by custom; the verdict names the one that matched by index.
    `now` is aware. Never raises: what is not genuine is a verdict with a reason, and so is a bug of ours.
    """
    try:
        return scheme.verify(request, secrets, now, options or Options())
    except Refusal as refusal:
        return refusal.verification()
    except Exception as error:  # noqa: BLE001 - a border: a stranger's request must get a refusal, never a 500
        return Verification(ok=False, reason=Reason.INTERNAL, detail=f"{scheme.about.name}: {type(error).__name__}")


def sign(
    scheme: Scheme, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options | None = None
) -> SignedRequest:
    """Return the request as the scheme's sender would send it: with headers added last, or another URL or body.

    Raises:
        InvalidInputError: it cannot be signed with these secrets and options.
    """
    return scheme.sign(request, secrets, now, options or Options())
