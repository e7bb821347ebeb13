"""How long it takes to verify one request of 2 KB, scheme by scheme.

    python bench/signatures.py            print a table; about 10 s
    python bench/signatures.py --goal 15  exit 1 if an HMAC scheme takes more microseconds than that

Each line is the best of five rounds over one genuine request with ten headers and one secret, through the same door
that the server uses (`registry.verify`). Best, not mean: other programs on the machine only ever add time.
"""

import argparse
import hmac
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.registry import SCHEMES, sign, verify
from stormlet.signatures.scheme import Options, Scheme
from stormlet.signatures.secret import Secret

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
ROUND_SECONDS = 0.06
ROUNDS = 5
BODY_BYTES = 2048
HEADERS = (
    ("Host", "hooks.example.org"),
    ("User-Agent", "bench/1.0"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
)


def microseconds(call: Callable[[], object]) -> float:
    """Return the time of one call: the best of several rounds."""
    repeats = 1
    while True:
        started = time.perf_counter()
        for _ in range(repeats):
            call()
        if time.perf_counter() - started >= ROUND_SECONDS / 4:
            break
        repeats *= 2
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(repeats):
            call()
        best = min(best, (time.perf_counter() - started) / repeats)
    return best * 1e6


def request_of(scheme: Scheme) -> tuple[Callable[[], object], int] | None:
    """Return a call that verifies one genuine request of this scheme, and the size of its body."""
    example = scheme.about.example
    if example is None:
        return None
    padding = b" " * (BODY_BYTES - len(example.request.body))
    body = example.request.body if scheme.about.name == "twilio" else example.request.body + padding
    request = msgspec.structs.replace(example.request, headers=(*HEADERS, *example.request.headers), body=body)
    signed = sign(scheme, request, [example.signing_secret or example.secret], NOW, example.options)
    secrets: list[Secret] = [example.secret]
    options: Options = example.options
    if not verify(scheme, signed, secrets, NOW, options).ok:
        raise SystemExit(f"{scheme.about.name} does not verify what it signs")
    return (lambda: verify(scheme, signed, secrets, NOW, options)), len(signed.body)


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goal", type=float, default=15.0, help="microseconds that an HMAC scheme may take")
    goal = parser.parse_args().goal
    key, body = b"k" * 32, b"x" * BODY_BYTES
    print(f"{'scheme':28}{'body':>6}{'µs':>9}")
    for name in ("sha1", "sha256", "sha512"):
        bare = microseconds(lambda name=name: hmac.digest(key, body, name))  # type: ignore[misc]
        print(f"{'(bare hmac ' + name + ')':28}{len(body):6}{bare:9.2f}")
    too_slow = []
    for scheme in sorted(SCHEMES, key=lambda each: not isinstance(each, HmacScheme)):
        prepared = request_of(scheme)
        if prepared is None:
            continue
        call, size = prepared
        took = microseconds(call)
        is_hmac = isinstance(scheme, HmacScheme)
        if is_hmac and took >= goal:
            too_slow.append(scheme.about.name)
        print(f"{scheme.about.name:28}{size:6}{took:9.2f}{'' if is_hmac else '   (own code)'}")
    print(f"goal for HMAC schemes: under {goal:g} µs: {'missed by ' + ', '.join(too_slow) if too_slow else 'met'}")
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
