"""Who sends a request: API keys, tokens and passwords become an Identity, or a refusal that tells nothing.

Only hashes are stored: of keys StackStorm's own (so that exported keys import), of tokens SHA-256, of passwords scrypt.
Nothing here logs what it was given, or puts any of it into an error.
"""

from stormlet.flow.authentication.authenticator import Authenticator
from stormlet.flow.authentication.presented import Credential, presented

__all__ = ["Authenticator", "Credential", "presented"]
