"""Who may talk to the engine: every place a credential may stand in, every way it may be wrong, with a real database."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from multidict import CIMultiDict

from stormlet.flow.authentication import Authenticator
from stormlet.flow.authentication.hashing import api_key_hash, hash_password, password_matches
from stormlet.foundation.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
)
from stormlet.foundation.settings import Auth, Storage
from stormlet.model.credential import Identity
from stormlet.store.sqlite.backend import SqliteStore


class HandClock:
    """Time that stands still until it is moved; wall and monotonic time can be moved apart."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.ticks = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def store(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "stormlet.db", clock, Storage(reserve_bytes=0))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def authenticator(store: SqliteStore, clock: HandClock) -> Authenticator:
    made = Authenticator(store, clock, Auth(token_ttl=3600))
    await made.load()
    return made


async def ask(
    authenticator: Authenticator, headers: dict[str, str] | None = None, query: dict[str, str] | None = None
) -> Identity:
    return await authenticator.authenticate(CIMultiDict(headers or {}), query or {})


async def refusal(
    authenticator: Authenticator, headers: dict[str, str] | None = None, query: dict[str, str] | None = None
) -> str:
    with pytest.raises(UnauthorizedError) as caught:
        await ask(authenticator, headers, query)
    return str(caught.value)


async def test_a_key_is_accepted_in_every_place(authenticator: Authenticator) -> None:
    """Headers of st2, Bearer, parameters and the cookie; the identity says which."""
    _, key = await authenticator.create_api_key("ci", {})
    for headers, location in (
        ({"St2-Api-Key": key}, "header"),
        ({"x-auth-token": key}, "header"),
        ({"Authorization": f"Bearer {key}"}, "header"),
        ({"authorization": f"bearer  {key} "}, "header"),
        ({"Cookie": f'a=b; auth-token="{key}"; c=d'}, "cookie"),
    ):
        identity = await ask(authenticator, headers)
        assert (identity.user, identity.method, identity.location) == ("ci", "API key", location), headers
    for name in ("st2-api-key", "x-auth-token"):
        assert (await ask(authenticator, query={name: key})).location == "query"


async def test_a_token_is_accepted_except_where_only_keys_are(authenticator: Authenticator) -> None:
    """`St2-Api-Key` holds keys; the other places hold either."""
    token, text = await authenticator.issue_token("ann", None, {})
    for headers in ({"X-Auth-Token": text}, {"Authorization": f"Bearer {text}"}, {"Cookie": f"auth-token={text}"}):
        identity = await ask(authenticator, headers)
        assert (identity.user, identity.method) == ("ann", "authentication token")
        assert identity.token_expiry == token.expiry
    assert await refusal(authenticator, {"St2-Api-Key": text}) == "Unauthorized - ApiKey not found."


async def test_the_first_that_is_present_decides(authenticator: Authenticator) -> None:
    """StackStorm's order; a wrong one is not made good by a right one further behind, an empty one is not there."""
    _, key = await authenticator.create_api_key("ci", {})
    _, other = await authenticator.create_api_key("other", {})
    headers = {"X-Auth-Token": key, "St2-Api-Key": other}
    assert (await ask(authenticator, headers, {"st2-api-key": other})).user == "ci"
    assert (await ask(authenticator, {"St2-Api-Key": other}, {"x-auth-token": key})).user == "other"
    assert (await ask(authenticator, {"X-Auth-Token": "", "St2-Api-Key": other})).user == "other"
    assert await refusal(authenticator, {"X-Auth-Token": "wrong", "St2-Api-Key": key}) == "Unauthorized"


async def test_refusals_tell_nothing(authenticator: Authenticator) -> None:
    """StackStorm's texts without what was sent, and without its hash (which StackStorm shows)."""
    assert await refusal(authenticator) == "Unauthorized - One of Token or API key required."
    assert await refusal(authenticator, {"Authorization": "Basic c3QyOnN0Mg=="}) == (
        "Unauthorized - One of Token or API key required."
    )
    for text in ("CANARY-of-no-key", "f" * 32):
        for name in ("X-Auth-Token", "St2-Api-Key"):
            said = await refusal(authenticator, {name: text})
            assert text not in said
            assert api_key_hash(text) not in said


async def test_a_disabled_key_is_refused_at_once(authenticator: Authenticator) -> None:
    """And accepted again once it is enabled."""
    made, key = await authenticator.create_api_key("ci", {"used_by": "ci"})
    await authenticator.update_api_key(msgspec.structs.replace(made, enabled=False))
    assert await refusal(authenticator, {"St2-Api-Key": key}) == "Unauthorized - API key is disabled."
    await authenticator.update_api_key(msgspec.structs.replace(made, enabled=True))
    assert (await ask(authenticator, {"St2-Api-Key": key})).credential_id == made.id


async def test_a_deleted_key_is_as_unknown_as_any(authenticator: Authenticator) -> None:
    """It is refused at once, in the words for a key that never was."""
    made, key = await authenticator.create_api_key("ci", {})
    await authenticator.delete_api_key(made.id)
    never = await refusal(authenticator, {"St2-Api-Key": "never"})
    assert await refusal(authenticator, {"St2-Api-Key": key}) == never
    with pytest.raises(NotFoundError):
        await authenticator.delete_api_key(made.id)


async def test_an_exported_key_of_stackstorm_is_imported(authenticator: Authenticator) -> None:
    """Its hash is SHA-512 over `saltnpepper` and the key, in hex; the key itself works from then on."""
    key = "MWZmNzE5ZmJjMWYzMTgzMTRkMTc5MDZhODc0OTRhZDI0ZmY5OTNiYzFkYjU1MDViYzM4N2NkMTE1YWMzYzBhNA"
    exported = hashlib.sha512(b"saltnpepper" + key.encode()).hexdigest()
    made, text = await authenticator.create_api_key("ci", {}, True, exported)
    assert text == ""
    assert (await ask(authenticator, {"St2-Api-Key": key})).credential_id == made.id
    with pytest.raises(ConflictError) as caught:
        await authenticator.create_api_key("ci", {}, True, exported)
    assert caught.value.conflict_id == made.id


async def test_keys_look_like_stackstorms_and_differ(authenticator: Authenticator) -> None:
    """86 characters of base64."""
    keys = {(await authenticator.create_api_key("ci", {}))[1] for _ in range(3)}
    assert len(keys) == 3
    assert all(len(key) == 86 and key.isalnum() for key in keys)


async def test_credentials_survive_a_restart_and_are_nowhere_in_clear(
    authenticator: Authenticator, store: SqliteStore, clock: HandClock, tmp_path: Path
) -> None:
    """A second engine on the same database knows them; the files hold none of their texts."""
    _, key = await authenticator.create_api_key("ci", {})
    _, token = await authenticator.issue_token("ann", None, {})
    await authenticator.set_password("ann", "correct horse")
    again = Authenticator(store, clock, Auth(token_ttl=3600))
    await again.load()
    assert again.has_api_keys
    assert (await ask(again, {"St2-Api-Key": key})).user == "ci"
    assert (await ask(again, {"X-Auth-Token": token})).user == "ann"
    await again.log_in("ann", "correct horse")
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (key, token, "correct horse"):
        assert secret.encode() not in raw


async def test_tokens_end(authenticator: Authenticator, clock: HandClock) -> None:
    """On the second; a longer life than the setting allows is refused in StackStorm's words."""
    _, text = await authenticator.issue_token("ann", 60, {})
    clock.forward(59)
    assert (await ask(authenticator, {"X-Auth-Token": text})).user == "ann"
    clock.forward(1)
    assert await refusal(authenticator, {"X-Auth-Token": text}) == "Unauthorized - Token has expired."
    with pytest.raises(InvalidInputError, match=r"TTL specified 3601 is greater than max allowed 3600\."):
        await authenticator.issue_token("ann", 3601, {})
    with pytest.raises(InvalidInputError):
        await authenticator.issue_token("ann", 0, {})


async def test_a_clock_that_steps_back_prolongs_nothing(authenticator: Authenticator, clock: HandClock) -> None:
    """The monotonic clock goes on, and it is asked as well."""
    _, text = await authenticator.issue_token("ann", 60, {})
    clock.forward(61)
    clock.wall -= timedelta(days=1)
    assert await refusal(authenticator, {"X-Auth-Token": text}) == "Unauthorized - Token has expired."


async def test_temporary_tokens_are_of_this_process(
    authenticator: Authenticator, store: SqliteStore, clock: HandClock
) -> None:
    """An action's token works until it is revoked or its time is over, and no other engine knows it."""
    text = authenticator.issue_temporary_token("stanley", 30)
    assert (await ask(authenticator, {"X-Auth-Token": text})).user == "stanley"
    assert await refusal(Authenticator(store, clock, Auth()), {"X-Auth-Token": text}) == "Unauthorized"
    authenticator.revoke_temporary_token(text)
    assert await refusal(authenticator, {"X-Auth-Token": text}) == "Unauthorized"
    ended = authenticator.issue_temporary_token("stanley", 30)
    clock.forward(31)
    assert await refusal(authenticator, {"X-Auth-Token": ended}) == "Unauthorized - Token has expired."


async def test_passwords(authenticator: Authenticator) -> None:
    """A wrong one and a name that nobody has are refused alike."""
    password = await authenticator.generate_password("st2admin")
    await authenticator.log_in("st2admin", password)
    for name, given in (("st2admin", "wrong"), ("st2admin", ""), ("nobody", password)):
        with pytest.raises(UnauthorizedError, match=r"^Invalid or missing credentials$"):
            await authenticator.log_in(name, given)


async def test_guessing_is_slowed_down_without_locking_the_owner_out(
    authenticator: Authenticator, clock: HandClock
) -> None:
    """Ten wrong ones from one address are all it gets for a minute; from elsewhere the right one works."""
    await authenticator.set_password("ann", "right")
    for _ in range(10):
        with pytest.raises(UnauthorizedError):
            await authenticator.log_in("ann", "wrong", "192.0.2.1")
    with pytest.raises(RateLimitedError) as caught:
        await authenticator.log_in("ann", "right", "192.0.2.1")
    assert 0 < caught.value.retry_after <= 61
    await authenticator.log_in("ann", "right", "192.0.2.2")
    clock.forward(61)
    await authenticator.log_in("ann", "right", "192.0.2.1")


async def test_a_setting_refuses_credentials_in_urls(store: SqliteStore, clock: HandClock) -> None:
    """URLs end in the logs of proxies; who can do without them may say so."""
    authenticator = Authenticator(store, clock, Auth(query_credentials=False))
    _, key = await authenticator.create_api_key("ci", {})
    assert "not accepted" in await refusal(authenticator, query={"st2-api-key": key})
    assert (await ask(authenticator, {"St2-Api-Key": key})).user == "ci"


async def test_switched_off_everybody_is_the_system_user(store: SqliteStore, clock: HandClock) -> None:
    """As in StackStorm, its name is stanley."""
    identity = await ask(Authenticator(store, clock, Auth(enable=False)))
    assert (identity.user, identity.method) == ("stanley", "none")


async def test_a_bootstrap_key_is_ensured_again_and_again(authenticator: Authenticator) -> None:
    """The same key at each start makes one key, and makes it valid again."""
    made = await authenticator.ensure_api_key("st2admin", "known-key")
    await authenticator.update_api_key(msgspec.structs.replace(made, enabled=False))
    again = await authenticator.ensure_api_key("st2admin", "known-key")
    assert (again.id, again.enabled) == (made.id, True)
    assert len(authenticator.api_keys()) == 1
    assert (await ask(authenticator, {"St2-Api-Key": "known-key"})).user == "st2admin"


async def test_keys_are_found_by_id_and_by_text(authenticator: Authenticator) -> None:
    """StackStorm's API takes either; the refusal does not repeat what may be somebody's key."""
    made, key = await authenticator.create_api_key("ci", {})
    assert authenticator.find_api_key(made.id) == authenticator.find_api_key(key) == made
    with pytest.raises(NotFoundError) as caught:
        authenticator.find_api_key("CANARY")
    assert "CANARY" not in str(caught.value)


@pytest.fixture
def hostile_texts() -> Iterator[str]:
    return iter(["", "\udcff\udc80", "ä" * 1000, "\x00", "$$$$$"])


def test_any_text_can_be_hashed(hostile_texts: Iterator[str]) -> None:
    """Headers hold whatever was sent, also bytes that are no text."""
    for text in hostile_texts:
        assert len(api_key_hash(text)) == 128
        assert password_matches(text, hash_password(text, b"salt"))
