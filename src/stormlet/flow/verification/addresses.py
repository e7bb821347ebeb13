"""Which address a request came from, and whether it is one of those that may send.

X-Forwarded-For is written by whoever sends, and each proxy adds at its end the address that it saw. So it is read from the
right, and only as far as addresses go that are known to be proxies of ours: the first that is not is the sender.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FORWARDED_FOR: Final = "x-forwarded-for"


class NetworkError(ValueError):
    """A text that names no network. The message says what would."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that these texts name: addresses, or CIDR blocks.

    Raises:
        NetworkError: one of them names none.
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            words = "write an address or a CIDR block, such as 192.0.2.0/24"
            raise NetworkError(f"{text!r} is no network; {words}") from None
    return tuple(found)


def address_of(text: str) -> Address | None:
    """Return the address in a text, with or without a port; None where there is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_within(address: Address | None, blocks: Sequence[Network]) -> bool:
    """Tell whether the address lies in one of the networks."""
    return address is not None and any(address in block for block in blocks if block.version == address.version)


def sender(remote: str, headers: Sequence[tuple[str, str]], proxies: Sequence[Network]) -> Address | None:
    """Return who sent a request; None where that cannot be told.

    Args:
        remote: the address of whoever is connected.
        headers: of the request.
        proxies: networks of our own proxies. Without any, no header is believed.
    """
    address = address_of(remote)
    if not proxies or not is_within(address, proxies):
        return address
    passed_on = ",".join(value for name, value in headers if name.lower() == _FORWARDED_FOR)
    for text in reversed(passed_on.split(",") if passed_on else []):
        address = address_of(text)
        if not is_within(address, proxies):
            return address
    return address


def is_from(remote: str, proxies: Sequence[Network]) -> bool:
    """Tell whether whoever is connected is one of our own proxies, whose headers are believed."""
    return bool(proxies) and is_within(address_of(remote), proxies)
