"""What commands that sign have in common: reading secrets and descriptions of signatures, and signing one request."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from stormlet.cli.documents import read_bytes, read_document

if TYPE_CHECKING:
    from stormlet.signatures.descriptor import Descriptor
    from stormlet.signatures.request import SignedRequest


def signed_request(
    scheme: str,
    secrets: Sequence[str],
    *,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    method: str = "POST",
    description: str | None = None,
    kind: str = "",
    name: str = "",
    username: str = "",
) -> "SignedRequest":
    """Return a request as the scheme's sender would send it now.

    Args:
        scheme: its name.
        secrets: each env:NAME, file:PATH or the secret itself.
        url: as the sender calls it.
        headers: those that are sent anyway.
        body: as it is sent.
        method: in capitals.
        description: for generic_hmac, the path of the file that says how the sender signs.
        kind: for credentials, how they are presented.
        name: for credentials, the header or parameter; for rfc9421, the key id.
        username: for basic credentials.

    Raises:
        StormletError: there is no such scheme, or it cannot sign with these secrets.
        click.BadParameter: a secret or the description cannot be read.
    """
    from stormlet.cli.since import now
    from stormlet.foundation.identifiers import new_id
    from stormlet.signatures.registry import scheme_named, sign
    from stormlet.signatures.request import SignedRequest
    from stormlet.signatures.scheme import Options
    from stormlet.signatures.secret import Secret

    moment = now()
    request = SignedRequest(method=method, url=url, headers=tuple(headers.items()), body=body)
    known = {header.lower() for header in headers}
    options = Options(
        descriptor=descriptor_in(description) if description else None,
        message_id="" if {"webhook-id", "svix-id"} & known else f"msg_{new_id(moment)}",
    )
    given = tuple(Secret(value=secret_text(text), kind=kind, name=name, username=username) for text in secrets)
    return sign(scheme_named(scheme), request, given, moment, options)


def secret_text(text: str) -> str:
    """Return a secret: out of the environment for env:NAME, out of a file for file:PATH, else the text itself."""
    if text.startswith("env:"):
        from stormlet.foundation.settings import environment

        value = environment().get(text.removeprefix("env:"))
        if value is None:
            raise click.BadParameter(f"the environment has no {text.removeprefix('env:')}")
        return value
    if text.startswith("file:"):
        content = read_bytes(f"@{text.removeprefix('file:')}")
        try:
            return content.decode().rstrip("\r\n") if b"-----BEGIN" not in content else content.decode()
        except UnicodeDecodeError:
            raise click.BadParameter(f"{text.removeprefix('file:')} is not UTF-8 text") from None
    return text


def descriptor_in(path: str) -> "Descriptor":
    """Return the description of a signature in a file: the block `signature:` of a source, or what stands in it."""
    from stormlet.signatures.descriptor_document import descriptor_from_document

    document = read_document(path)
    descriptor, problems = descriptor_from_document(document.get("signature", document))
    if descriptor is None:
        raise click.BadParameter("; ".join(f"{each.path}: {each.text}" for each in problems))
    return descriptor
