"""Asking rules: briefly for a decision, at length for a person.

Both ways ask each criterion through the same function, so they cannot disagree. Rules of type backstop are asked only where
no other rule matched. Pure: the answer depends on payload, rules, keys and the moment that is handed in.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any

from stormlet.flow.matching.compile import CompiledRule
from stormlet.flow.matching.criteria import Answer, CompiledCriterion, MatchContext, Scope, ask
from stormlet.flow.matching.summary import MOST_CHILDREN, shortened
from stormlet.foundation.deadlines import Allowance, Deadline
from stormlet.model.rule import RuleType
from stormlet.model.verdict import Finding, Verdict

EMPTY = "the payload is empty, and a rule with criteria is not asked about nothing"
DISABLED = "the rule is disabled"
BACKSTOP = "a standard rule matched, so this backstop was not asked"

_Judge = Callable[[CompiledRule, Deadline | None], Verdict]


def match(
    rules: Sequence[CompiledRule], payload: Any, trigger_instance_id: str, context: MatchContext
) -> list[Verdict]:
    """Return the verdict of each rule that is asked, without findings: only as much is asked as decides.

    Args:
        rules: those of the instance's trigger; disabled ones are passed over.
        payload: what rules see as `trigger`.
        trigger_instance_id: for the failure reasons.
        context: the moment, the datastore, and how long this may take: a rule that takes longer does not match, and says so.
    """
    scope = Scope.of_payload(payload, context)

    def judge(rule: CompiledRule, deadline: Deadline | None) -> Verdict:
        if rule.criteria and not payload:
            return _verdict(rule, matched=False, reason=EMPTY)
        scope.deadline = deadline
        for criterion in rule.criteria:
            answer = ask(criterion, scope)
            if not answer.matched:
                return _verdict(rule, matched=False, error=_failure(rule, trigger_instance_id, answer))
        return _verdict(rule, matched=True)

    return _in_two_passes([rule for rule in rules if rule.rule.enabled], judge, context.allowance)


def explain(
    rules: Sequence[CompiledRule], payload: Any, trigger_instance_id: str, context: MatchContext
) -> list[Verdict]:
    """Return the verdict of every rule with a finding for every criterion; the verdicts are those of `match`.

    Rules that `match` would not ask are here too, with the reason. Long values in findings are shortened. What was not
    evaluated for lack of time says so in its finding.
    """
    scope = Scope.of_payload(payload, context)

    def judge(rule: CompiledRule, deadline: Deadline | None) -> Verdict:
        if rule.criteria and not payload:
            findings = tuple(_unasked(criterion) for criterion in rule.criteria)
            return _verdict(rule, matched=False, reason=EMPTY, findings=findings)
        scope.deadline = deadline
        answers = [ask(criterion, scope) for criterion in rule.criteria]
        findings = tuple(map(_finding, rule.criteria, answers))
        stop = next((answer for answer in answers if not answer.matched), None)
        error = _failure(rule, trigger_instance_id, stop) if stop else ""
        return _verdict(rule, matched=stop is None, error=error, findings=findings)

    enabled = [rule for rule in rules if rule.rule.enabled]
    asked = {verdict.rule: verdict for verdict in _in_two_passes(enabled, judge, context.allowance)}
    return [asked.get(rule.rule.ref) or _passed_over(rule, judge, context.allowance) for rule in _standard_first(rules)]


def _in_two_passes(rules: Sequence[CompiledRule], judge: _Judge, allowance: Allowance | None) -> list[Verdict]:
    standard = _judged([rule for rule in rules if rule.rule.type is not RuleType.BACKSTOP], judge, allowance)
    if any(verdict.matched for verdict in standard):
        return standard
    return [*standard, *_judged([rule for rule in rules if rule.rule.type is RuleType.BACKSTOP], judge, allowance)]


def _judged(rules: Sequence[CompiledRule], judge: _Judge, allowance: Allowance | None) -> list[Verdict]:
    """Ask each of these rules; the slow ones after the others, so that quick ones never find the event's time used up."""
    if allowance is None:
        return [judge(rule, None) for rule in rules]
    verdicts, slow = [], []
    for position, rule in enumerate(rules):
        first = allowance.first_for(rule.rule.ref)
        verdicts.append(judge(rule, first))
        if first.passed:
            slow.append(position)
    for position in slow:
        verdicts[position] = judge(rules[position], allowance.for_rule(rules[position].rule.ref))
    return verdicts


def _standard_first(rules: Iterable[CompiledRule]) -> list[CompiledRule]:
    return sorted(rules, key=lambda rule: rule.rule.type is RuleType.BACKSTOP)


def _passed_over(rule: CompiledRule, judge: _Judge, allowance: Allowance | None) -> Verdict:
    """Say why a rule was not asked, and what it would have found."""
    reason = BACKSTOP if rule.rule.enabled else DISABLED
    deadline = allowance.for_rule(rule.rule.ref) if allowance is not None else None
    return _verdict(rule, matched=False, reason=reason, findings=judge(rule, deadline).findings)


def _verdict(
    rule: CompiledRule, *, matched: bool, error: str = "", reason: str = "", findings: tuple[Finding, ...] = ()
) -> Verdict:
    return Verdict(
        rule=rule.rule.ref, rule_id=rule.rule.id, matched=matched, error=error, reason=reason, findings=findings
    )


def _failure(rule: CompiledRule, instance_id: str, answer: Answer) -> str:
    if not answer.error:
        return ""
    return f'Failed to match rule "{rule.rule.ref}" against trigger instance "{instance_id}": {answer.error}'


def _finding(criterion: CompiledCriterion, answer: Answer, path: str = "criteria") -> Finding:
    place = f"{path}.{criterion.key}"
    shown = takewhile(lambda pair: pair[0] < MOST_CHILDREN, enumerate(answer.children))
    children = tuple(_finding(child, inner, f"{place}[{position}]") for _, (position, child, inner) in shown)
    return Finding(
        path=place,
        matched=answer.matched if answer.in_time else None,
        operator=criterion.operator.name if criterion.operator else "",
        wanted=shortened(answer.wanted),
        got=shortened(answer.got),
        error=answer.error if answer.in_time else f"not evaluated: {answer.error}",
        children=children,
    )


def _unasked(criterion: CompiledCriterion) -> Finding:
    return Finding(
        path=f"criteria.{criterion.key}",
        matched=None,
        operator=criterion.operator.name if criterion.operator else "",
        wanted=shortened(criterion.written),
    )
