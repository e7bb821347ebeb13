"""`stormlet signature`: sign and verify requests as senders do, and check this program against recorded ones."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from stormlet.cli.documents import read_bytes, read_json
from stormlet.cli.failures import FAILED, OK
from stormlet.cli.options import Group
from stormlet.cli.signing import descriptor_in, secret_text
from stormlet.cli.since import now as machine_time
from stormlet.cli.text import one_line, visible

if TYPE_CHECKING:
    from stormlet.signatures.request import SignedRequest
    from stormlet.signatures.scheme import Options
    from stormlet.signatures.secret import Secret

Function = Callable[..., Any]


@click.group(cls=Group)
def command() -> None:
    """Sign and verify requests as webhook senders do."""


def _request_options(function: Function) -> Function:
    """Give a command the options that make a request, its secrets and the scheme's options."""
    options = (
        click.option("-s", "--secret", "secrets", multiple=True, metavar="SECRET", help="env:NAME, file:PATH or text."),
        click.option("-d", "--data", default="", metavar="BODY", help="The body: text, @FILE, or - for input."),
        click.option("-H", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header; repeatable."),
        click.option("-X", "--method", default="POST", show_default=True),
        click.option("-u", "--url", default="http://localhost/", metavar="URL", help="The URL as the sender calls it."),
        click.option("--at", type=float, metavar="SECONDS", help="The clock, in Unix seconds; default: now."),
        click.option("--tolerance", type=float, metavar="SECONDS", help="How old or ahead a signature may be."),
        click.option("--legacy", is_flag=True, help="Take or add the sender's older, weaker signature."),
        click.option("--signature-header", default="", metavar="NAME", help="Where the sender lets one choose it."),
        click.option("--timestamp-header", default="", metavar="NAME", help="Where the sender lets one choose it."),
        click.option("--describe", metavar="FILE", help="For generic_hmac: YAML that says how the sender signs."),
        click.option("--certificate", multiple=True, metavar="URL=FILE", help="For aws-sns: a certificate in PEM."),
        click.option("--topic", "topics", multiple=True, metavar="ARN", help="For aws-sns: a topic, or *."),
        click.option("--component", "components", multiple=True, help="For rfc9421: what must be covered."),
        click.option("--kind", default="", help="For credentials: bearer, basic, header, query, api-key or token."),
        click.option("--name", default="", help="For credentials: the header or parameter. For rfc9421: the key id."),
        click.option("--username", default="", help="For basic credentials."),
        click.option("--algorithm", default="", help="For rfc9421: the algorithm of the key."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("list")
def list_schemes() -> None:
    """List the schemes by name."""
    from stormlet.signatures.registry import SCHEMES

    width = max(len(scheme.about.name) for scheme in SCHEMES)
    for scheme in SCHEMES:
        click.echo(f"{scheme.about.name:{width}}  {scheme.about.title}")


@command.command("sign")
@click.argument("scheme", metavar="SCHEME")
@_request_options
def sign_request(scheme: str, **values: Any) -> int:
    """Print what SCHEME's sender adds to a request.

    The headers, one to a line; the URL or the body first or last where the signature stands in those. A public-key scheme
    signs with the private key.
    """
    from stormlet.signatures.registry import scheme_named, sign

    request, secrets, options = _made(values)
    signed = sign(scheme_named(scheme), request, secrets, _moment(values["at"]), options)
    if signed.url != request.url:
        click.echo(f"{signed.method} {visible(signed.url)}")
    before = set(request.headers)
    for name, value in signed.headers:
        if (name, value) not in before:
            click.echo(visible(f"{name}: {value}"))
    if signed.body != request.body:
        click.echo(b"\n" + signed.body)
    return OK


@command.command("verify")
@click.argument("scheme", metavar="SCHEME")
@_request_options
def verify_request(scheme: str, **values: Any) -> int:
    """Tell whether a request is genuine, and if not, what is likely wrong. Exit code 1 if it is not."""
    from stormlet.signatures.diagnosis import diagnose
    from stormlet.signatures.registry import scheme_named, verify

    request, secrets, options = _made(values)
    chosen, now = scheme_named(scheme), _moment(values["at"])
    verification = verify(chosen, request, secrets, now, options)
    if verification.ok:
        which = f", by secret {verification.secret + 1} of {len(secrets)}" if verification.secret is not None else ""
        age = f", signed {now.timestamp() - verification.timestamp:.0f} s ago" if verification.timestamp else ""
        click.echo(f"genuine{which}{age}")
        return OK
    click.echo(one_line(f"refused: {verification.reason}: {verification.detail}"))
    for cause in diagnose(chosen, request, secrets, now, options):
        click.echo(one_line(f"  {cause.confidence}: {cause.text} [{cause.code}]"))
    return FAILED


@command.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def check_files(files: tuple[str, ...]) -> int:
    """Run files of recorded requests or handshakes, each with its own clock. Exit code 1 if any fails.

    The format is that of tests/golden/signatures in this program's source.
    """
    from stormlet.signatures.checking import check

    passed = failed = 0
    for file in files:
        for outcome in check(read_json("-" if file == "-" else f"@{file}", file)):
            if outcome.passed:
                passed += 1
            else:
                failed += 1
                click.echo(one_line(f"{outcome.scheme} {outcome.name}: expected {outcome.expected}, got {outcome.got}"))
    click.echo(f"{passed} passed, {failed} failed")
    return FAILED if failed else OK


def _moment(seconds: float | None) -> datetime:
    if seconds is None:
        return machine_time()
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise click.BadParameter("--at is not a moment") from None


def _made(values: dict[str, Any]) -> "tuple[SignedRequest, tuple[Secret, ...], Options]":
    """Return the request, secrets and options that the command line describes."""
    from stormlet.foundation.identifiers import new_id
    from stormlet.signatures.request import SignedRequest
    from stormlet.signatures.scheme import Options
    from stormlet.signatures.secret import Secret

    request = SignedRequest(
        method=values["method"].upper(),
        url=values["url"],
        headers=tuple(_header(text) for text in values["headers"]),
        body=read_bytes(values["data"]),
    )
    about = {key: values[key] for key in ("kind", "name", "username", "algorithm")}
    secrets = tuple(Secret(value=secret_text(text), **about) for text in values["secrets"])
    options = Options(
        tolerance=values["tolerance"],
        legacy=values["legacy"],
        header=values["signature_header"],
        timestamp_header=values["timestamp_header"],
        descriptor=descriptor_in(values["describe"]) if values["describe"] else None,
        certificates=dict(_certificate(text) for text in values["certificate"]),
        topics=values["topics"],
        required_components=values["components"] or Options().required_components,
        message_id="" if _has_id(request) else f"msg_{new_id(_moment(values['at']))}",
    )
    return request, secrets, options


def _has_id(request: "SignedRequest") -> bool:
    return any(name.lower() in ("webhook-id", "svix-id") for name, _ in request.headers)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"`{text}` is not a header; write `Name: value`")
    return name.strip(), value.strip()


def _certificate(text: str) -> tuple[str, str]:
    url, equals, path = text.rpartition("=")
    if not equals:
        raise click.BadParameter("--certificate is URL=FILE")
    return url, read_bytes(f"@{path}").decode("ascii", "replace")
