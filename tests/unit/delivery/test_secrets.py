"""Secrets: made strong, refused weak, rotated without a gap."""

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stormlet.flow.delivery import secrets
from stormlet.flow.delivery.formats.interface import SecretForm
from stormlet.foundation.errors import ConflictError, InvalidInputError
from stormlet.model.endpoint import EndpointSecret

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _ended(kept: EndpointSecret, end: datetime) -> EndpointSecret:
    return msgspec.structs.replace(kept, retires_at=end)


def _kept(name: str, age_hours: float = 0, retires: datetime | None = None) -> EndpointSecret:
    return EndpointSecret(name=name, reference="sealed:00", created_at=NOW - age_hours * HOUR, retires_at=retires)


def test_a_generated_secret_has_32_bytes_and_passes() -> None:
    """Two are never the same, and each is strong enough for every form but a routing key."""
    made = [secrets.generate() for _ in range(3)]
    assert len(set(made)) == 3
    for each in made:
        assert len(base64.b64decode(each.removeprefix("whsec_"))) == 32
        for form in (SecretForm.TEXT, SecretForm.STANDARD, SecretForm.BASE64):
            secrets.check(each, form)


def test_a_generated_key_pair_belongs_together() -> None:
    """The public key is that of the private one; the private one may sign, the public one may not."""
    private, public = secrets.generate_key_pair()
    assert secrets.public_key(private) == public
    secrets.check(private, SecretForm.STANDARD)
    with pytest.raises(InvalidInputError, match="public key"):
        secrets.check(public, SecretForm.STANDARD)


GOOD = [
    ("correct horse battery staple", SecretForm.TEXT),
    ("R0123456789abcdefghijklmnopqrstu", SecretForm.ROUTING_KEY),
    ("whsec_" + base64.b64encode(bytes(range(24))).decode(), SecretForm.STANDARD),
    (base64.b64encode(bytes(range(64))).decode(), SecretForm.STANDARD),
]
BAD = [
    ("", SecretForm.TEXT, "empty"),
    (" correct horse battery staple", SecretForm.TEXT, "blanks"),
    ("correct horse\nbattery staple", SecretForm.TEXT, "control"),
    ("fifteen letters", SecretForm.TEXT, "15 characters; at least 16"),
    ("a" * 64, SecretForm.TEXT, "guess"),
    ("whsec_" + base64.b64encode(bytes(range(23))).decode(), SecretForm.STANDARD, "23 bytes"),
    ("whsec_" + base64.b64encode(bytes(range(23))).decode(), SecretForm.TEXT, "23 bytes"),
    ("whsec_" + base64.b64encode(bytes(65)).decode(), SecretForm.STANDARD, "65 bytes"),
    ("whsec_" + base64.b64encode(bytes(32)).decode(), SecretForm.STANDARD, "repeats"),
    ("whsec_not base64!", SecretForm.STANDARD, "not base64"),
    ("whsk_" + base64.b64encode(bytes(31)).decode(), SecretForm.STANDARD, "Ed25519"),
    ("short", SecretForm.ROUTING_KEY, "32 letters"),
    ("R0123456789abcdefghijklmnopqrst!", SecretForm.ROUTING_KEY, "32 letters"),
]


@pytest.mark.parametrize(("value", "form"), GOOD)
def test_strong_enough(value: str, form: SecretForm) -> None:
    """It may sign."""
    secrets.check(value, form)


@pytest.mark.parametrize(("value", "form", "why"), BAD)
def test_too_weak(value: str, form: SecretForm, why: str) -> None:
    """It is refused with the reason and a cure, and never shown."""
    with pytest.raises(InvalidInputError, match=why) as raised:
        secrets.check(value, form)
    assert raised.value.hint
    assert len(value) < 6 or value not in str(raised.value)


def test_a_rotation_lets_the_old_one_sign_until_its_end() -> None:
    """Both sign, the newest first, up to the moment; then only the new one."""
    rest = secrets.retire([_kept("1", 100)], NOW, _ended, overlap=HOUR)
    both = [(rest[0], "old"), (_kept("2"), "new")]
    assert [each.value for each in secrets.signing(both, NOW)] == ["new", "old"]
    assert [each.value for each in secrets.signing(both, NOW + HOUR - timedelta(seconds=1))] == ["new", "old"]
    assert [each.value for each in secrets.signing(both, NOW + HOUR)] == ["new"]
    assert [each.name for each in secrets.signing(both, NOW)] == ["2", "1"]
    assert secrets.endings(rest, NOW) == ("the secret `1` signs until 2026-02-11 10:20 UTC",)
    assert secrets.endings(rest, NOW + HOUR) == ("the secret `1` has not signed since 2026-02-11 10:20 UTC",)


def test_a_second_rotation_never_prolongs_an_old_secret() -> None:
    """An end that is nearer stays; what has ended is left out; no overlap ends everything at once."""
    kept = [_kept("0", 90, NOW - HOUR), _kept("1", 50, NOW + HOUR), _kept("2", 10)]
    rest = secrets.retire(kept, NOW, _ended, overlap=24 * HOUR)
    assert [(each.name, each.retires_at) for each in rest] == [("1", NOW + HOUR), ("2", NOW + 24 * HOUR)]
    assert secrets.retire(kept, NOW, _ended, overlap=timedelta()) == ()


def test_rotations_in_a_row_are_limited() -> None:
    """One header holds only so many signatures; the message says when it works again."""
    kept = [_kept(str(number), 10 - number, NOW + number * HOUR) for number in range(1, 5)]
    with pytest.raises(ConflictError, match="4 older secrets") as raised:
        secrets.retire(kept, NOW, _ended)
    assert "2026-02-11 10:20" in raised.value.hint
    with pytest.raises(InvalidInputError, match="negative"):
        secrets.retire(kept, NOW, _ended, overlap=-HOUR)


def test_nothing_is_sent_unsigned_because_secrets_have_retired() -> None:
    """No secrets at all is a choice; only retired ones is a mistake."""
    assert secrets.signing([], NOW) == ()
    with pytest.raises(InvalidInputError, match="retired"):
        secrets.signing([(_kept("1", 5, NOW), "old")], NOW)
