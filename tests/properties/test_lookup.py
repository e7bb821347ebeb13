"""A plain path is walked to just where jsonpath-ng would go."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from jsonpath_ng import parse

from stormlet.flow.matching.lookup import PathError, compile_path, plain_steps

NAMES = st.sampled_from(["a", "b", "x-y", "X-Github-Event", "@type", "_", "a1", "where", "wherenot", "parent"])
STRANGE = st.text(alphabet=st.characters(exclude_characters="'\"\\#", exclude_categories=("Cs",)), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | STRANGE, inner, max_size=4),
    max_leaves=15,
)
STEPS = st.one_of(
    NAMES.map(lambda name: f".{name}"),
    STRANGE.map(lambda name: f"['{name}']"),
    STRANGE.map(lambda name: f'["{name}"]'),
    STRANGE.map(lambda name: f".'{name}'"),
    NAMES.map(lambda name: f"['{name}']"),
    st.integers(-4, 4).map(lambda index: f"[{index}]"),
)
PATHS = st.lists(STEPS, max_size=5).map(lambda steps: "trigger" + "".join(steps))
ROOTED = st.lists(STEPS, max_size=4).map(lambda steps: "$" + "".join(steps))
NOISE = st.text(alphabet="ab.[]'\"0-@*$ ,:|()`é\n", max_size=10).map(lambda text: f"trigger{text}")


def first_of_jsonpath(path: str, root: Any) -> Any:
    """Return what jsonpath-ng finds first, or None."""
    found = parse(path).find(root)
    return found[0].value if found else None


@given(PATHS, JSON)
@example("trigger[0]", ["x"])
@example("trigger[-1]", [])
@example("trigger.a[0]", {"a": {"0": 1}})
@example("trigger['']", {"": 1})
@example("trigger.a", "text")
def test_walking_is_jsonpath(path: str, payload: Any) -> None:
    """Whatever the payload, a plain path gives the first match of jsonpath-ng, or None."""
    root = {"trigger": payload}
    if plain_steps(path) is not None:
        assert compile_path(path)(root) == first_of_jsonpath(path, root)


@given(ROOTED, JSON)
@example("$[0]", ["x"])
@example("$['a'].b", {"a": {"b": 1}})
@example("$.$", {"$": 1})
def test_walking_from_the_root_is_jsonpath(path: str, document: Any) -> None:
    """`$` before a plain path means the value itself, whatever it is."""
    if plain_steps(path) is not None:
        assert compile_path(path)(document) == first_of_jsonpath(path, document)


@given(NOISE | PATHS | ROOTED)
def test_every_text_is_a_path_or_is_refused(path: str) -> None:
    """What is taken for plain, jsonpath-ng takes for a path; what it refuses is a PathError, and nothing else is raised."""
    try:
        compile_path(path)(root := {"trigger": {"a": [{"b": 1}]}})
    except PathError:
        assert plain_steps(path) is None
        return
    except NotImplementedError:
        assert "&" in path
        return
    if plain_steps(path) is not None:
        assert compile_path(path)(root) == first_of_jsonpath(path, root)


@given(PATHS, st.text(max_size=5), JSON)
def test_a_tag_changes_nothing(path: str, tag: str, payload: Any) -> None:
    """What follows `#` is for people."""
    root = {"trigger": payload}
    try:
        plain = compile_path(path)
    except PathError:
        return
    assert compile_path(f"{path}#{tag}")(root) == plain(root)
