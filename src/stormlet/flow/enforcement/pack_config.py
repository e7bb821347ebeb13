"""A pack's config as its actions see it: templates on the datastore rendered, secrets opened.

The loader has merged the defaults of `config.schema.yaml` already. Only values that name the datastore are templates here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stormlet.foundation.errors import InvalidInputError, RenderError
from stormlet.foundation.secrets import Opener
from stormlet.foundation.templates import KeyValueLookup, Templates, is_template


class KeyReaders:
    """How templates reach the datastore: one reader for the system's keys, one maker of readers for a user's."""

    def __init__(
        self,
        system: Callable[[str], str | None],
        user: Callable[[str, str], str | None],
        decrypt: Callable[[str], str],
    ) -> None:
        self.system = system
        self._user = user
        self.decrypt = Opener(decrypt)

    def lookups(self, user: str) -> dict[str, KeyValueLookup]:
        """Return what a template knows as `st2kv`."""
        return {"system": KeyValueLookup(self.system), "user": KeyValueLookup(lambda name: self._user(user, name))}


def render_config(values: Mapping[str, Any], user: str, keys: KeyReaders, templates: Templates) -> dict[str, Any]:
    """Return the config with its templates rendered.

    A value that is one of our sealed secrets is opened: StackStorm decrypts what a config takes from the datastore.

    Raises:
        RenderError: a template cannot be rendered; the text names the key.
    """
    context = {"st2kv": keys.lookups(user)}

    def render(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {key: render(child, f"{path}.{key}" if path else str(key)) for key, child in value.items()}
        if isinstance(value, list):
            return [render(child, f"{path}[{position}]") for position, child in enumerate(value)]
        if not isinstance(value, str) or not is_template(value):
            return value
        try:
            text = templates.compile(value).render(context)
        except RenderError as error:
            raise RenderError(f'config value "{path}": {error.text}') from None
        return _opened(text, keys.decrypt)

    rendered: dict[str, Any] = render(values, "")
    return rendered


def _opened(text: str, decrypt: Callable[[str], str]) -> str:
    try:
        return decrypt(text)
    except InvalidInputError:
        return text
