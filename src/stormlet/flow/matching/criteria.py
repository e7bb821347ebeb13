"""Asking one criterion: render the pattern, look the value up, let the operator compare the two.

Whatever goes wrong is an answer too: no match, with StackStorm's sentence of what failed. `search` asks criteria of its own
of each item, all of them, as StackStorm does: an item that cannot be compared is not passed over in silence.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from stormlet.flow.matching.lookup import Lookup
from stormlet.flow.matching.operators import Operator
from stormlet.flow.matching.patterns import Pattern
from stormlet.foundation.deadlines import Allowance, Deadline, OverdueError
from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates import KeyValueLookup

_UNSEEN = object()


class MatchContext(msgspec.Struct, frozen=True, kw_only=True):
    """What rules may know besides the payload: the moment (aware, UTC) and the datastore's system keys; and what asking them
    may take, where that is bounded."""

    now: datetime
    read_system_key: Callable[[str], str | None]
    allowance: Allowance | None = None


class CompiledSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What `search` asks of each item, and how many answers have to be yes."""

    condition: str
    criteria: tuple["CompiledCriterion", ...]


class CompiledCriterion(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion with its path, pattern and operator ready. Without an operator it is never met (inside `search`, where
    StackStorm lets a `type` be missing)."""

    key: str
    rule: str
    look_up: Lookup
    operator: Operator | None
    pattern: Pattern
    written: Any
    """The pattern as it stands in the rule, for messages."""
    search: CompiledSearch | None = None


class Answer(NamedTuple):
    """What came of one criterion. `children` are those of `search`: item, criterion, answer."""

    matched: bool
    wanted: Any = None
    got: Any = None
    error: str = ""
    children: tuple[tuple[int, CompiledCriterion, "Answer"], ...] = ()
    in_time: bool = True
    """False where the answer is not known, because the rule's time was up."""


class Scope:
    """What criteria are asked of: one payload (or one item of a list in it), and what was found in it already."""

    __slots__ = ("_datastore", "_found", "deadline", "now", "root")

    def __init__(
        self,
        prefix: str,
        value: Any,
        datastore: Mapping[str, KeyValueLookup],
        now: datetime,
        deadline: Deadline | None = None,
    ) -> None:
        self.root: Mapping[str, Any] = {prefix: value, **datastore, "st2kv": datastore}
        self.now = now
        self.deadline = deadline
        """Of the rule that is being asked; set anew for each."""
        self._datastore = datastore
        self._found: dict[str, Any] = {}

    @classmethod
    def of_payload(cls, payload: Any, context: MatchContext) -> "Scope":
        """Return the scope in which a rule's criteria are asked."""
        return cls("trigger", payload, {"system": KeyValueLookup(context.read_system_key)}, context.now)

    def of_item(self, item: Any) -> "Scope":
        """Return the scope in which the criteria of a search are asked of one item."""
        return Scope("item", item, self._datastore, self.now, self.deadline)

    def value(self, criterion: CompiledCriterion) -> Any:
        """Return what the criterion's key names; looked up once per key, however many rules ask."""
        value = self._found.get(criterion.key, _UNSEEN)
        if value is _UNSEEN:
            value = self._found[criterion.key] = criterion.look_up(self.root)
        return value


def ask(criterion: CompiledCriterion, scope: Scope) -> Answer:
    """Return the answer to one criterion. Raises nothing that a rule or a payload could cause."""
    try:
        return _ask(criterion, scope)
    except OverdueError as error:
        return Answer(False, criterion.written, error=error.text, in_time=False)


def _ask(criterion: CompiledCriterion, scope: Scope) -> Answer:
    """Return the answer, or raise OverdueError: no part of a search knows what the rest of it would have said."""
    if scope.deadline is not None:
        scope.deadline.check()
    if criterion.operator is None:
        return Answer(False, criterion.written)
    try:
        wanted = criterion.pattern.render(scope.root, scope.deadline)
    except OverdueError:
        raise
    except RenderError as error:
        said = f'Failed to render pattern value "{criterion.written}" for key "{criterion.key}"'
        return Answer(False, criterion.written, error=f"{said}: {error.text}")
    try:
        got = scope.value(criterion)
    except Exception as error:  # noqa: BLE001 - the border: jsonpath-ng on a payload by a stranger
        return Answer(False, wanted, error=f"Failed transforming criteria key {criterion.key}: {error}")
    try:
        if criterion.search is not None:
            return _ask_search(criterion, criterion.search, wanted, got, scope)
        return Answer(criterion.operator.answer(got, wanted, scope.now), wanted, got)
    except OverdueError:
        raise
    except Exception as error:  # noqa: BLE001 - the border: any two values are compared here, with Python's operators
        said = f"There might be a problem with the criteria in rule {criterion.rule}"
        return Answer(False, wanted, got, f"{said}: {error}")


def _ask_search(criterion: CompiledCriterion, search: CompiledSearch, wanted: Any, got: Any, scope: Scope) -> Answer:
    items = [got] if isinstance(got, dict) else list(got)
    children = []
    rows = []
    for position, item in enumerate(items):
        inner = scope.of_item(item)
        answers = [(position, child, _ask(child, inner)) for child in search.criteria]
        children += answers
        each = [answer.matched for _, _, answer in answers]
        rows.append(any(each) if search.condition in {"all2any", "any2any"} else all(each))
    matched = any(rows) if search.condition in {"any", "any2any"} else all(rows)
    error = "" if matched else next((answer.error for _, _, answer in children if answer.error), "")
    return Answer(matched, wanted, got, error, tuple(children))
