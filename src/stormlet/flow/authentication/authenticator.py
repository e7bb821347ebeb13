"""API keys, tokens and passwords: who holds which, kept in memory so that a change counts from the next request on."""

import asyncio
import hmac
import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec

from stormlet.flow.authentication.hashing import (
    NOBODY,
    api_key_hash,
    hash_password,
    new_key_text,
    password_matches,
    token_hash,
)
from stormlet.flow.authentication.presented import ONLY_KEYS, Credential, presented
from stormlet.flow.authentication.rate_limit import LoginLimit
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import ConflictError, InvalidInputError, NotFoundError, UnauthorizedError
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.settings import Auth
from stormlet.model.credential import ApiKey, Identity, Token, User
from stormlet.store.interface import Store

log = logging.getLogger(__name__)
SHORTEST_KEY = 8
_SHORT_KEY = (
    "STORMLET_BOOTSTRAP_API_KEY has %d characters: with fewer than %d it is soon guessed, and cannot be told from ordinary text "
    "where it has to be hidden; set a random one of 32"
)
KEEP_TOKENS = 10_000
_TOKEN = "authentication token"  # noqa: S105 - st2's word for the method, in GET /user
_API_KEY = "API key"


class _KnownToken(NamedTuple):
    """A token with a second end by the monotonic clock, so that a wall clock set back does not prolong its life."""

    token: Token
    ends: float


class Authenticator:
    """Knows every credential."""

    def __init__(self, store: Store, clock: Clock, settings: Auth, *, user: str = "stanley") -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._user = user
        """Who everybody is where authentication is switched off; st2's name for it."""
        self._keys: dict[str, ApiKey] = {}
        self._tokens: dict[str, _KnownToken] = {}
        self._temporary: dict[str, _KnownToken] = {}
        self._limit = LoginLimit(clock)

    async def load(self) -> None:
        """Read all API keys into memory."""
        self._keys = {key.key_hash: key for key in await self._store.api_keys()}

    @property
    def has_api_keys(self) -> bool:
        return bool(self._keys)

    def api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys, the oldest first."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    async def authenticate(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Identity:
        """Return who sends this.

        Args:
            headers: a mapping that does not mind the case of names.
            query: parameters of the URL.

        Raises:
            UnauthorizedError: no credential, or one that is not valid; the text is StackStorm's `faultstring`.
        """
        if not self._settings.enable:
            return Identity(user=self._user, method="none", location="none")
        found = presented(headers, query)
        if found is None:
            raise UnauthorizedError("Unauthorized - One of Token or API key required.")
        if found.location == "query" and not self._settings.query_credentials:
            raise UnauthorizedError("Unauthorized - Credentials in the URL are not accepted here.")
        if found.name != ONLY_KEYS and (identity := await self._by_token(found)) is not None:
            return identity
        return self._by_key(found)

    async def _by_token(self, found: Credential) -> Identity | None:
        """Return whose token it is; None where it is no token that was ever issued."""
        digest = token_hash(found.text)
        known = self._temporary.get(digest) or self._tokens.get(digest)
        if known is None:
            # Nothing but a token has this form, so that a flood of other nonsense does not reach the database.
            if len(found.text) != 32 or (stored := await self._store.token(digest)) is None:
                return None
            known = self._remember(stored)
        token = known.token
        if not hmac.compare_digest(token.token_hash, digest):
            return None
        if token.expiry <= self._clock.now() or known.ends <= self._clock.monotonic():
            self._temporary.pop(digest, None)
            self._tokens.pop(digest, None)
            raise UnauthorizedError("Unauthorized - Token has expired.")
        return Identity(
            user=token.user, method=_TOKEN, location=found.location, credential_id=token.id, token_expiry=token.expiry
        )

    def _by_key(self, found: Credential) -> Identity:
        digest = api_key_hash(found.text)
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.key_hash, digest):
            # A token that nobody issued gets StackStorm's bare word; both say the same of a key that was deleted.
            text = "Unauthorized - ApiKey not found." if found.name == ONLY_KEYS else "Unauthorized"
            raise UnauthorizedError(text)
        if not key.enabled:
            raise UnauthorizedError("Unauthorized - API key is disabled.")
        return Identity(user=key.user, method=_API_KEY, location=found.location, credential_id=key.id)

    def _remember(self, token: Token) -> _KnownToken:
        left = (token.expiry - self._clock.now()).total_seconds()
        known = _KnownToken(token, self._clock.monotonic() + left)
        if len(self._tokens) >= KEEP_TOKENS:
            self._tokens.pop(next(iter(self._tokens)))
        self._tokens[token.token_hash] = known
        return known

    # API keys

    async def create_api_key(
        self,
        user: str,
        metadata: dict[str, Any],
        enabled: bool = True,
        key_hash: str | None = None,
        key: str | None = None,
    ) -> tuple[ApiKey, str]:
        """Store a new key.

        Args:
            user: whose it is.
            metadata: notes about it.
            enabled: whether it may be used at once.
            key_hash: of a key that exists elsewhere (an import); then its text is not known.
            key: the key's text, where automation chose it; None makes a random one.

        Returns:
            The key, and its text: the only time that anybody sees it. Empty for an import.

        Raises:
            ConflictError: this key exists already.
        """
        text = "" if key_hash else key or new_key_text()
        now = self._clock.now()
        made = ApiKey(
            id=new_id(now),
            user=user,
            key_hash=key_hash or api_key_hash(text),
            created_at=now,
            metadata=metadata,
            enabled=enabled,
        )
        if (same := self._keys.get(made.key_hash)) is not None:
            raise ConflictError("This API key exists already.", conflict_id=same.id)
        await self._store.put_api_key(made, create=True)
        self._keys[made.key_hash] = made
        return made, text

    async def ensure_api_key(self, user: str, key: str) -> ApiKey:
        """Let this key be valid, whether it exists already or not: automation chose it, perhaps not well."""
        if len(key) < SHORTEST_KEY:
            log.warning(_SHORT_KEY, len(key), SHORTEST_KEY)
        known = self._keys.get(api_key_hash(key))
        if known is None:
            return (await self.create_api_key(user, {"made_by": "bootstrap"}, key=key))[0]
        if not known.enabled or known.user != user:
            return await self.update_api_key(msgspec.structs.replace(known, enabled=True, user=user))
        return known

    def find_api_key(self, id_or_key: str) -> ApiKey:
        """Return a key by its id or its text. Raises NotFoundError, whose text does not repeat what was asked for."""
        digest = api_key_hash(id_or_key)
        found = self._keys.get(digest) or next((key for key in self._keys.values() if key.id == id_or_key), None)
        if found is None:
            raise NotFoundError("ApiKey matching this reference or id not found.")
        return found

    async def update_api_key(self, key: ApiKey) -> ApiKey:
        """Replace a key's user, metadata and switch; its hash stays. Raises NotFoundError."""
        old = self.find_api_key(key.id)
        changed = msgspec.structs.replace(key, key_hash=old.key_hash, created_at=old.created_at)
        await self._store.put_api_key(changed, create=False)
        self._keys[old.key_hash] = changed
        return changed

    async def delete_api_key(self, key_id: str) -> None:
        """Delete a key; it is refused from now on. Raises NotFoundError."""
        key = self.find_api_key(key_id)
        # Out of memory first: were the database slow, the key must not live on meanwhile.
        self._keys.pop(key.key_hash, None)
        await self._store.delete_api_key(key.id)

    # Passwords and tokens

    async def log_in(self, name: str, password: str, remote: str = "") -> None:
        """Check a password.

        Raises:
            UnauthorizedError: the user or the password is wrong; which of them is not said, nor does the time tell.
            RateLimitedError: too many wrong ones from this address, or too many logins at once.
        """
        self._limit.check(name, remote)
        user = await self._store.user(name)
        async with self._limit.turn():
            right = await asyncio.to_thread(password_matches, password, user.password_hash if user else NOBODY)
        if user is None or not right:
            self._limit.failed(name, remote)
            raise UnauthorizedError("Invalid or missing credentials")
        self._limit.succeeded(name, remote)

    async def set_password(self, name: str, password: str) -> User:
        """Let `name` log in with `password` from now on; makes the user where there is none."""
        stored = await asyncio.to_thread(hash_password, password)
        user = User(name=name, password_hash=stored, created_at=self._clock.now())
        await self._store.put_user(user)
        return user

    async def generate_password(self, name: str) -> str:
        """Give `name` a random password and return it."""
        password = secrets.token_urlsafe(15)
        await self.set_password(name, password)
        return password

    async def issue_token(self, user: str, ttl: int | None, metadata: dict[str, Any]) -> tuple[Token, str]:
        """Store a new token and return it with its text.

        Raises:
            InvalidInputError: `ttl` (seconds) is longer than the setting allows, or not positive.
        """
        longest = self._settings.token_ttl
        ttl = longest if ttl is None else ttl
        if ttl > longest:
            raise InvalidInputError(f"TTL specified {ttl} is greater than max allowed {longest}.")
        if ttl < 1:
            raise InvalidInputError(f"TTL specified {ttl} must be at least 1 second.")
        token, text = self._make_token(user, ttl, metadata)
        await self._store.put_token(token)
        self._remember(token)
        return token, text

    async def token_is_valid(self, text: str) -> bool:
        """Tell whether a token would be accepted now."""
        try:
            return await self._by_token(Credential("x-auth-token", "header", text)) is not None
        except UnauthorizedError:
            return False

    def issue_temporary_token(self, user: str, ttl_seconds: float) -> str:
        """Return a token for one action's run. It is never stored, and ends with the process at the latest."""
        now = self._clock.monotonic()
        for digest in [digest for digest, known in self._temporary.items() if known.ends <= now]:
            del self._temporary[digest]
        token, text = self._make_token(user, ttl_seconds, {"for": "action"})
        self._temporary[token.token_hash] = _KnownToken(token, now + ttl_seconds)
        return text

    def revoke_temporary_token(self, text: str) -> None:
        """Refuse a temporary token from now on."""
        self._temporary.pop(token_hash(text), None)

    def _make_token(self, user: str, ttl: float, metadata: dict[str, Any]) -> tuple[Token, str]:
        now = self._clock.now()
        text = secrets.token_hex(16)
        expiry = now + timedelta(seconds=ttl)
        return Token(id=new_id(now), user=user, token_hash=token_hash(text), expiry=expiry, metadata=metadata), text
