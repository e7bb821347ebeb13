"""Who sent a request, when proxies stand between."""

import ipaddress

import pytest

from stormlet.flow.verification.addresses import NetworkError, address_of, is_within, networks, sender

PROXIES = networks(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("remote", "forwarded", "found"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ['"[2001:db8::7]:4711"'], "2001:db8::7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", ["198.51.100.7, garbage"], None),
        ("10.0.0.1", ["198.51.100.7,"], None),
        ("", [], None),
    ],
)
def test_sender(remote: str, forwarded: list[str], found: str | None) -> None:
    """From the right, through our own proxies only; what cannot be read is nobody."""
    headers = tuple(("X-Forwarded-For", value) for value in forwarded)
    address = sender(remote, headers, PROXIES)
    assert (str(address) if address else None) == found


def test_without_proxies_no_header_is_believed() -> None:
    """Whoever is connected is the sender."""
    assert str(sender("10.0.0.1", (("X-Forwarded-For", "1.2.3.4"),), ())) == "10.0.0.1"


def test_networks() -> None:
    """Addresses and blocks, also with host bits; a family does not match the other."""
    blocks = networks(["192.0.2.7", "198.51.100.9/24", "2001:db8::/32"])
    assert is_within(address_of("198.51.100.200"), blocks)
    assert not is_within(address_of("192.0.2.8"), blocks)
    assert is_within(ipaddress.ip_address("2001:db8::1"), blocks)
    assert not is_within(None, blocks)
    assert not is_within(ipaddress.ip_address("::c000:207"), blocks)


@pytest.mark.parametrize("text", ["", "everybody", "192.0.2.0/33", "1.2.3", "192.0.2.0/24 "])
def test_what_is_no_network(text: str) -> None:
    """The message says what would be one."""
    with pytest.raises(NetworkError, match=r"192\.0\.2\.0/24"):
        networks([text])
