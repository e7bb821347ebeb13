"""All formats by name, and the one door to them: options checked once, requests made again and again.

What is the same for every format is done here: the endpoint's own headers, the agent's name, the guard's header, the limit on the
body, and the refusal to send unsigned what should be signed.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final

import msgspec

from stormlet import __version__
from stormlet.flow.delivery.formats.cloudevents import CloudEventsFormat
from stormlet.flow.delivery.formats.discord import DiscordFormat
from stormlet.flow.delivery.formats.github import GithubFormat
from stormlet.flow.delivery.formats.hcp import HcpFormat
from stormlet.flow.delivery.formats.interface import About, Format, OutgoingRequest, Render, SecretUse, Sending
from stormlet.flow.delivery.formats.pagerduty import PagerdutyFormat
from stormlet.flow.delivery.formats.pulumi import PulumiFormat
from stormlet.flow.delivery.formats.rfc9421 import Rfc9421Format
from stormlet.flow.delivery.formats.scalr import ScalrFormat
from stormlet.flow.delivery.formats.slack import SlackFormat
from stormlet.flow.delivery.formats.spacelift import SpaceliftFormat
from stormlet.flow.delivery.formats.standard import StandardFormat
from stormlet.flow.delivery.formats.teams import TeamsFormat
from stormlet.flow.delivery.formats.template import OF_THE_CONNECTION, TemplateFormat
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.errors import InvalidInputError, NotFoundError, TooLargeError
from stormlet.foundation.schema_validation import compile_schema
from stormlet.foundation.templates import Templates
from stormlet.model.endpoint import Endpoint
from stormlet.model.message import Message
from stormlet.model.problem import Problem
from stormlet.signatures.request import cut_url
from stormlet.signatures.secret import Secret

FORMATS: Final[tuple[Format, ...]] = (
    StandardFormat(),
    ScalrFormat(),
    PulumiFormat(),
    HcpFormat(),
    SpaceliftFormat(),
    GithubFormat(),
    CloudEventsFormat(),
    SlackFormat(),
    TeamsFormat(),
    DiscordFormat(),
    PagerdutyFormat(),
    Rfc9421Format(),
    TemplateFormat(),
)
_BY_NAME: Final[Mapping[str, Format]] = MappingProxyType({each.about.name: each for each in FORMATS})
_AGENT: Final = f"stormlet/{__version__}"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]{0,8192}")


class CompiledFormat(msgspec.Struct, frozen=True, kw_only=True):
    """A format with its options: what an endpoint sends with."""

    format: Format
    options: dict[str, Any]
    """With defaults filled in."""
    prepared: Render

    @property
    def about(self) -> About:
        return self.format.about

    def says(self, message_type: str) -> bool:
        """Tell whether the format has words for a type; others are not planned for its endpoints."""
        return any(fnmatchcase(message_type, glob) for glob in self.about.types)

    def render(
        self,
        message: Message,
        endpoint: Endpoint,
        secrets: Sequence[Secret],
        now: datetime,
        attempt: int = 1,
        carried: Sequence[tuple[str, str]] = (),
    ) -> OutgoingRequest:
        """Return the request for one attempt, signed now.

        Args:
            message: with its ordinal.
            endpoint: its URL, headers and limit on the body are used.
            secrets: those that sign now, the newest first (`delivery.secrets.signing`).
            now: aware.
            attempt: from 1; with formats whose header holds one signature, secrets take turns by it.
            carried: further headers of the engine, such as the loop guard's; nothing replaces them.

        Raises:
            InvalidInputError, RenderError: this message cannot be sent so, now or later.
            TooLargeError: the body is larger than the endpoint or the product takes.
        """
        if self.about.secret is SecretUse.REQUIRED and not secrets:
            raise InvalidInputError(
                f"the format {self.about.name} needs a secret", hint="rotate the secret: one is made"
            )
        sending = Sending(message=message, endpoint=endpoint, secrets=tuple(secrets), now=now, attempt=attempt)
        request = self.prepared(sending)
        limit = endpoint.max_body or self.about.max_body
        if len(request.body) > limit:
            raise TooLargeError(
                f"the body has {len(request.body):,} bytes, and {limit:,} are allowed",
                hint="`max_body` of the endpoint",
            )
        headers = _joined(request.headers, endpoint.headers, carried)
        hidden = (*request.hidden, *_secret_part(request.url)) if self.about.url_is_secret else request.hidden
        return msgspec.structs.replace(request, headers=headers, hidden=hidden)

    def read(self, answer: Answer) -> Advice | None:
        """Return what an answer means where the product has words of its own for it."""
        return self.format.read(answer)


def format_named(name: str) -> Format:
    """Return the format of that name.

    Raises:
        NotFoundError: there is none; the message names the nearest.
    """
    found = _BY_NAME.get(name)
    if found is None:
        near = get_close_matches(name.lower(), _BY_NAME, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(_BY_NAME)}"
        raise NotFoundError(f"there is no format {name!r}", hint=hint)
    return found


def compile_format(name: str, options: Mapping[str, Any], templates: Templates) -> CompiledFormat:
    """Return a format with its options.

    Raises:
        NotFoundError: there is no such format.
        InvalidInputError: the options cannot be used; the message names the first that is wrong.
    """
    chosen = format_named(name)
    schema = chosen.about.schema
    wrong = compile_schema(schema).errors(options)
    if wrong:
        first = wrong[0]
        unknown = first.names if first.keyword == "additionalProperties" else ()
        near = get_close_matches(unknown[0], chosen.about.options, n=1) if unknown else []
        path = ".".join(filter(None, ("options", first.dotted)))
        raise InvalidInputError(f"{path}: {first.text}", hint=f"did you mean `{near[0]}`?" if near else "")
    filled = {name: each["default"] for name, each in chosen.about.options.items() if "default" in each} | dict(options)
    return CompiledFormat(format=chosen, options=filled, prepared=chosen.prepare(filled, templates))


def format_problems(name: str, options: Mapping[str, Any], templates: Templates) -> list[Problem]:
    """Return what is wrong with an endpoint's `format` and `options`, for whoever reads its document."""
    try:
        compile_format(name, options, templates)
    except NotFoundError as error:
        return [Problem(code="unknown-format", text=error.text, path="format", hint=error.hint)]
    except InvalidInputError as error:
        path, colon, text = error.text.partition(": ")
        at_path = path.startswith("options") and bool(colon)
        return [
            Problem(
                code="bad-value",
                text=text if at_path else error.text,
                path=path if at_path else "options",
                hint=error.hint,
            )
        ]
    return []


def check_headers(headers: Mapping[str, str]) -> None:
    """Return if an endpoint may set these headers.

    Raises:
        InvalidInputError: a name or a value would break out of its line, or the name belongs to the connection.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidInputError(f"headers: {name!r} is not the name of a header")
        if name.lower() in OF_THE_CONNECTION:
            raise InvalidInputError(f"headers: {name} belongs to the connection and cannot be set")
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidInputError(
                f"headers: the value of {name} is longer than 8,192 characters or has several lines"
            )


def _secret_part(url: str) -> tuple[str, ...]:
    """Return what of a URL must not be shown where it is a secret as a whole: all behind the host."""
    parts = cut_url(url)
    path = parts.path.strip("/")
    return tuple(text for text in (path, parts.query or "") if text)


def _joined(
    own: Sequence[tuple[str, str]], further: Mapping[str, str], carried: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Return all headers, each name once: the engine's first, then the format's, then the endpoint's, then the agent's name."""
    seen: set[str] = set()
    joined: list[tuple[str, str]] = []
    for name, value in (*carried, *own, *further.items(), ("User-Agent", _AGENT)):
        if name.lower() not in seen and name.lower() not in OF_THE_CONNECTION:
            seen.add(name.lower())
            joined.append((name, value))
    return tuple(joined)
