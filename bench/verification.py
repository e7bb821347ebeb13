"""How long the gate takes for one genuine request of 2 KB: all that a source asks before its event is stored.

    python bench/verification.py            print a table; about 15 s
    python bench/verification.py --goal 15  exit 1 if verifying under an HMAC scheme takes more microseconds than that

`verify` is the whole verification as a request meets it: header bytes as text, which guard, its secrets out of the
environment, method, address and pace, the signature over the bytes received. `understand` is what follows for an event: unpack,
mask, parse, and claim its delivery id. Each number is the best of many short rounds. Best, not mean: other
programs on the machine only ever add time.
"""

import argparse
import asyncio
import hmac
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from stormlet.flow.verification.certificates import Certificates, fetch_from_sns
from stormlet.flow.verification.claims import delivery_claim
from stormlet.flow.verification.gate import Gate
from stormlet.flow.verification.guard import compile_guard
from stormlet.flow.verification.rejections import Rejections
from stormlet.flow.verification.requests import Genuine, HookRequest, Sender
from stormlet.flow.verification.secrets import SecretReader
from stormlet.foundation.clock import SystemClock
from stormlet.foundation.headers import decoded
from stormlet.foundation.secrets import SecretBox
from stormlet.foundation.settings import Limits
from stormlet.model.source import SecretReference, Source
from stormlet.model.trigger import Trigger
from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.registry import SCHEMES, sign
from stormlet.signatures.scheme import Scheme

ROUND_SECONDS = 0.004
ROUNDS = 120
"""Many short rounds: on a busy machine a few of them are left alone."""
BODY_BYTES = 2048
HEADERS = (
    (b"Host", b"hooks.example.org"),
    (b"User-Agent", b"bench/1.0"),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"gzip, deflate"),
    (b"Connection", b"keep-alive"),
    (b"X-Forwarded-For", b"192.0.2.7"),
    (b"X-Forwarded-Proto", b"https"),
    (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
)


def microseconds(call: Callable[[], object]) -> float:
    """Return the time of one call: the best of several rounds."""
    repeats = 1
    while True:
        started = time.perf_counter()
        for _ in range(repeats):
            call()
        if time.perf_counter() - started >= ROUND_SECONDS / 2:
            break
        repeats *= 2
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(repeats):
            call()
        best = min(best, (time.perf_counter() - started) / repeats)
    return best * 1e6


def gate_of(secret: str) -> Gate:
    """Return a gate as the server builds it, but for a store: nothing is refused here."""
    clock, box = SystemClock(), SecretBox(bytes(32))
    store: Any = None
    return Gate(
        secrets=SecretReader({"SECRET": secret}, lambda name: None, str, box),
        rejections=Rejections(store, clock, box),
        certificates=Certificates(fetch_from_sns, clock),
        fetch=fetch_from_sns,
        clock=clock,
        limits=Limits(),
        public_url="https://hooks.example.org",
    )


def body_like(example: bytes) -> bytes:
    """Return JSON of 2 KB with the example's keys and a list of small objects, as senders write it."""
    document = {**msgspec.json.decode(example), "id": "evt_1", "changes": []}
    while len(body := msgspec.json.encode(document)) < BODY_BYTES - 40:
        document["changes"].append({"number": len(document["changes"]), "state": "applied"})
    return body + b" " * (BODY_BYTES - len(body))


async def nobody() -> Sender:
    raise AssertionError("no key is asked for")


def calls_of(scheme: Scheme) -> tuple[Callable[[], Genuine], Callable[[], object]] | None:
    """Return a call that verifies one genuine request of this scheme, and one that understands it."""
    example = scheme.about.example
    if example is None:
        return None
    now = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
    request = msgspec.structs.replace(
        example.request,
        url="https://hooks.example.org/api/v1/webhooks/demo",
        headers=(*decoded(HEADERS), *example.request.headers),
        body=body_like(example.request.body),
    )
    signed = sign(scheme, request, [example.secret], now, example.options)
    raw = tuple((name.encode(), value.encode()) for name, value in signed.headers)
    options = {"signature": example.options.descriptor} if example.options.descriptor else {}
    source = Source(
        id="s",
        pack="bench",
        name="source",
        url="demo",
        scheme=scheme.about.name,
        secrets=(SecretReference(name="1", reference="env:SECRET"),),
        options=options,
    )
    guard, problems = compile_guard(source, lambda ref: Trigger(id="t", pack="p", name="n", type=ref))
    if guard is None:
        raise SystemExit(f"{scheme.about.name}: {problems}")
    gate, guards = gate_of(example.secret.value), {"demo": (guard,)}

    async def judged() -> Genuine:
        lives = gate.live(guards.get("demo", ()))
        asked = HookRequest(
            hook="demo", target="/api/v1/webhooks/demo", headers=decoded(raw), remote="192.0.2.7", received_at=now
        )
        lives = await gate.admit_sender(lives, asked)
        if gate.answer_unsigned(lives, asked) is not None:
            raise SystemExit(f"{scheme.about.name}: this is a handshake")
        asked = msgspec.structs.replace(asked, body=signed.body)
        verdict = await gate.judge(lives, asked, nobody)
        if not isinstance(verdict, Genuine):
            raise SystemExit(f"{scheme.about.name} does not verify what it signs: {verdict.detail}")
        gate.take_turn(verdict)
        return verdict

    def verify() -> Genuine:
        try:
            judged().send(None)
        except StopIteration as done:
            genuine: Genuine = done.value
            return genuine
        raise SystemExit(f"{scheme.about.name} leaves the event loop")

    genuine = asyncio.run(judged())

    def understand() -> object:
        understood = gate.understand(genuine)
        return delivery_claim(genuine, understood.parts[0], now)

    return verify, understand


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goal", type=float, default=15.0, help="microseconds that verifying by an HMAC may take")
    goal = parser.parse_args().goal
    too_slow = []
    bare = microseconds(lambda: hmac.digest(b"k" * 32, bytes(BODY_BYTES), "sha256"))
    print(f"a bare HMAC-SHA256 of {BODY_BYTES} bytes: {bare:.2f} µs")
    print(f"{'scheme':28}{'verify µs':>11}{'understand µs':>15}")
    for scheme in SCHEMES:
        if not isinstance(scheme, HmacScheme) and scheme.about.name not in {"generic_hmac", "gitlab-token"}:
            continue
        calls = calls_of(scheme)
        if calls is None:
            continue
        verify, understand = (microseconds(call) for call in calls)
        if verify >= goal:
            too_slow.append(scheme.about.name)
        print(f"{scheme.about.name:28}{verify:11.2f}{understand:15.2f}")
    print(f"goal for verifying: under {goal:g} µs: {'missed by ' + ', '.join(too_slow) if too_slow else 'met'}")
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
