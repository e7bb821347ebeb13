"""Rules made ready to be asked: every path, operator, regular expression and template is parsed here, at load.

What cannot work is a problem with its place. An error breaks the rule; a warning is for what StackStorm would load as well.
"""

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from stormlet.flow.matching.criteria import CompiledCriterion, CompiledSearch
from stormlet.flow.matching.lookup import Lookup, PathError, compile_path
from stormlet.flow.matching.operators import CONDITIONS, OPERATORS, SEARCH, Operator, make_operators
from stormlet.flow.matching.patterns import Literal, Pattern, compile_pattern
from stormlet.foundation.errors import RenderError
from stormlet.foundation.regexes import compile_regex
from stormlet.foundation.templates import Templates, is_syntax_error, is_template
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import Criterion, Rule

_DEEPEST = 20
"""How many searches may lie in each other."""
_REGEX_OPERATORS = {"regex": {}, "iregex": {"ignore_case": True}, "matchregex": {"dot_all": True}}
_TIME_OPERATORS = frozenset({"td_lt", "timediff_lt", "td_gt", "timediff_gt"})
_TEXT_OPERATORS = frozenset(
    {"ieq", "iequals", "icontains", "incontains", "startswith", "istartswith", "endswith", "iendswith", "matchwildcard"}
)
_CONTAINER_OPERATORS = frozenset({"in", "inside", "nin", "ninside"})


class CompiledRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that can be asked. `trigger` is the ref of the trigger that it listens to; `problems` are warnings."""

    rule: Rule
    trigger: str
    criteria: tuple[CompiledCriterion, ...] = ()
    problems: tuple[Problem, ...] = ()


def compile_rule(rule: Rule, templates: Templates) -> tuple[CompiledRule | None, list[Problem]]:
    """Return the compiled rule, or None where it has errors, and all that is wrong with it."""
    compiler = _Compiler(rule, templates)
    criteria = [compiler.criterion(criterion, f"criteria.{criterion.key}") for criterion in rule.criteria]
    compiler.check_parameters()
    problems = compiler.problems
    if any(problem.severity is Severity.ERROR for problem in problems):
        return None, problems
    compiled = CompiledRule(
        rule=rule,
        trigger=rule.trigger.type,
        criteria=tuple(criterion for criterion in criteria if criterion is not None),
        problems=tuple(problems),
    )
    return compiled, problems


class _Compiler:
    """Compiles one rule and collects what is wrong with it."""

    def __init__(self, rule: Rule, templates: Templates) -> None:
        self.problems: list[Problem] = []
        self._rule = rule
        self._templates = templates
        self._operators = make_operators(templates.limits.regex_seconds)

    def criterion(self, criterion: Criterion, path: str, depth: int = 0) -> CompiledCriterion | None:
        """Return the compiled criterion, or None where it has errors."""
        look_up = self._path(criterion, path)
        operator = self._operator(criterion, path, nested=depth > 0)
        if operator is not None and operator.name == SEARCH:
            return self._search(criterion, path, operator, look_up, depth)
        pattern = self._pattern(criterion, path)
        if look_up is None or pattern is None:
            return None
        if operator is not None and isinstance(pattern, Literal):
            self._check_literal(operator.name, pattern.value, criterion, path)
        return CompiledCriterion(
            key=criterion.key,
            rule=self._rule.ref,
            look_up=look_up,
            operator=operator,
            pattern=pattern,
            written=criterion.pattern,
        )

    def check_parameters(self) -> None:
        """Judge the templates among the action's parameters; they are rendered elsewhere."""
        for path, text in _templates_in(self._rule.action.parameters, "action.parameters"):
            try:
                self._templates.compile(text)
            except RenderError as error:
                if is_syntax_error(error):
                    text = f"{error.text}; it is taken literally, as StackStorm does"
                    self._say("bad-template", text, path, severity=Severity.WARNING)
                else:
                    self._say("bad-template", error.text, path)

    def _path(self, criterion: Criterion, path: str) -> Lookup | None:
        try:
            return compile_path(criterion.key)
        except PathError as error:
            hint = "names with other characters than letters, digits, _, - and @ are written ['like this']"
            self._say("bad-path", f"{criterion.key!r} is not a path: {error}", path, criterion, hint=hint)
            return None

    def _operator(self, criterion: Criterion, path: str, *, nested: bool) -> Operator | None:
        name = criterion.type
        if not name:
            # StackStorm refuses this in a rule's own criteria; inside a search it takes the criterion for unmet.
            severity = Severity.WARNING if nested else Severity.ERROR
            text = f"Operator not specified for field: {criterion.key}"
            self._say("missing-operator", text, path, criterion, severity=severity, hint="add `type: equals`")
            return None
        if nested and name != SEARCH and name.lower() != SEARCH:
            name = name.lower()  # StackStorm looks at the case of an operator in a rule's own criteria only
        if (operator := self._operators.get(name)) is not None:
            return operator
        near = get_close_matches(name.lower(), OPERATORS, 1)
        self._say(
            "unknown-operator",
            f"For field: {criterion.key}, operator {criterion.type} not in list of allowed operators: {list(OPERATORS)}",
            f"{path}.type",
            criterion,
            hint=f'did you mean "{near[0]}"?' if near else "",
            short=f'"{criterion.type}" is not an operator',
        )
        return None

    def _pattern(self, criterion: Criterion, path: str) -> Pattern | None:
        try:
            return compile_pattern(criterion.pattern, self._templates)
        except RenderError as error:
            self._say("bad-template", error.text, f"{path}.pattern", criterion)
            return None

    def _search(
        self, criterion: Criterion, path: str, operator: Operator, look_up: Lookup | None, depth: int
    ) -> CompiledCriterion | None:
        if criterion.condition not in CONDITIONS:
            text = (
                f"{criterion.condition!r} is not a condition" if criterion.condition else "a search needs a condition"
            )
            self._say("bad-condition", text, f"{path}.condition", criterion, hint=f"one of {', '.join(CONDITIONS)}")
        if not isinstance(criterion.pattern, Mapping):
            text = "the pattern of a search is an object of criteria, with keys that begin with `item.`"
            self._say("bad-pattern", text, f"{path}.pattern", criterion)
            return None
        if depth >= _DEEPEST:
            self._say("bad-pattern", f"more than {_DEEPEST} searches lie in each other", path, criterion)
            return None
        children = [
            self.criterion(child, f"{path}.pattern.{child.key}", depth + 1) for child in self._children(criterion, path)
        ]
        if look_up is None or criterion.condition not in CONDITIONS:
            return None
        return CompiledCriterion(
            key=criterion.key,
            rule=self._rule.ref,
            look_up=look_up,
            operator=operator,
            pattern=Literal(criterion.pattern),
            written=criterion.pattern,
            search=CompiledSearch(
                condition=criterion.condition or "", criteria=tuple(child for child in children if child is not None)
            ),
        )

    def _children(self, criterion: Criterion, path: str) -> Iterator[Criterion]:
        for key, child in criterion.pattern.items():
            if not isinstance(child, Mapping):
                text = f"{child!r} is not a criterion"
                hint = "write {type: equals, pattern: ...}"
                self._say("bad-pattern", text, f"{path}.pattern.{key}", criterion, hint=hint)
                continue
            operator, condition = child.get("type"), child.get("condition")
            yield Criterion(
                key=str(key),
                type="" if operator is None else str(operator),
                pattern=child.get("pattern"),
                condition=condition if isinstance(condition, str) else None,
                location=criterion.location,
            )

    def _check_literal(self, operator: str, pattern: Any, criterion: Criterion, path: str) -> None:
        """Judge a pattern that is the same for every event together with its operator."""
        if operator in _REGEX_OPERATORS:
            self._check_regex(operator, pattern, criterion, path)
        elif (text := _unfit(operator, pattern)) is not None:
            self._say("bad-pattern", text, f"{path}.pattern", criterion, severity=Severity.WARNING)

    def _check_regex(self, operator: str, pattern: Any, criterion: Criterion, path: str) -> None:
        where = f"{path}.pattern"
        if not isinstance(pattern, str):
            if pattern is not None:
                text = f"{pattern!r} is not a text, so it is no regular expression"
                self._say("bad-pattern", text, where, criterion, severity=Severity.WARNING)
            return
        try:
            compiled = compile_regex(pattern, **_REGEX_OPERATORS[operator])
        except (re.error, RecursionError, OverflowError) as error:
            hint = "a `*` of a file name is `.*` here; or use matchwildcard" if pattern.startswith("*") else ""
            self._say("bad-regex", f"{pattern!r} is not a regular expression: {error}", where, criterion, hint=hint)
            return
        if compiled.nested:
            text = f"{pattern!r} repeats a group that holds a repeat, and may take very long; it is cut off by time"
            hint = "take one of the two repeats away, such as (a+)+ → a+"
            self._say("slow-regex", text, where, criterion, severity=Severity.WARNING, hint=hint)

    def _say(
        self,
        code: str,
        text: str,
        path: str,
        criterion: Criterion | None = None,
        *,
        severity: Severity = Severity.ERROR,
        hint: str = "",
        short: str = "",
    ) -> None:
        nearest = path
        while nearest and nearest not in self._rule.locations:
            nearest = nearest.rpartition(".")[0]
        location = self._rule.locations.get(nearest)
        if criterion is not None and (location is None or nearest == "criteria"):
            location = criterion.location
        problem = Problem(code=code, text=text, severity=severity, path=path, hint=hint, short=short)
        self.problems.append(msgspec.structs.replace(problem, location=location) if location else problem)


def _unfit(operator: str, pattern: Any) -> str | None:
    """Say why an operator can never be met with this pattern, or fails with every value."""
    if operator in _TIME_OPERATORS:
        try:
            float(pattern)
        except (TypeError, ValueError):
            return f"{pattern!r} is not a number of seconds"
    elif operator in _TEXT_OPERATORS and not isinstance(pattern, str):
        if operator in {"startswith", "endswith"} and isinstance(pattern, tuple):
            return None
        return f"{operator} compares texts; {json.dumps(pattern, default=str)} is none"
    elif operator in _CONTAINER_OPERATORS and not isinstance(pattern, (str, list, dict)):
        return f"{operator} needs a list; {json.dumps(pattern, default=str)} is none"
    return None


def _templates_in(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and text of every template in a parameter."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _templates_in(child, f"{path}.{key}")
    elif isinstance(value, list):
        for position, child in enumerate(value):
            yield from _templates_in(child, f"{path}.{position}")
    elif is_template(value):
        yield path, value
