"""Does it all fit together? Asked of content as a whole: files, and what was made through the API, joined.

A rule whose trigger cannot exist is broken; a trigger type that only a rule names is implied, so that the generic webhook
can fire it; and the linting checks say what else cannot be meant.
"""

from collections.abc import Iterable, Mapping

import msgspec

from stormlet.content.linting import Context, lint_action, lint_endpoint, lint_rule, lint_source
from stormlet.content.linting.trigger_parameters import trigger_parameter_problems
from stormlet.content.linting.unknown_trigger import implied_type, unknown_trigger_problems
from stormlet.content.loader import ordered
from stormlet.model.action import RunnerType
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import LoadedRule, RuleState
from stormlet.model.snapshot import Snapshot
from stormlet.model.trigger import TriggerType


def link(snapshot: Snapshot, runner_types: Mapping[str, RunnerType]) -> Snapshot:
    """Return the snapshot with implied trigger types, with rules marked broken whose trigger cannot be, and with all
    problems that only the whole shows. Pure, apart from asking whether actions' entry points exist."""
    context = Context(snapshot=snapshot, runner_types=runner_types)
    types = dict(snapshot.trigger_types)
    rules: dict[str, LoadedRule] = {}
    found: list[Problem] = []
    for ref, loaded in snapshot.rules.items():
        problems = list(_rule_problems(loaded, context))
        found += problems
        rules[ref] = _with_problems(loaded, problems)
        if loaded.rule is not None and (kind := implied_type(loaded.rule, context)) is not None:
            types.setdefault(kind.ref, kind)
    for action in (*snapshot.actions.values(), *snapshot.broken_actions):
        found += lint_action(action, context)
    whole = Context(snapshot=msgspec.structs.replace(snapshot, trigger_types=types), runner_types=runner_types)
    for source in snapshot.sources.values():
        found += lint_source(source, whole)
    for endpoint in snapshot.endpoints.values():
        found += lint_endpoint(endpoint, whole)
    return msgspec.structs.replace(
        snapshot, rules=rules, trigger_types=types, problems=ordered([*snapshot.problems, *found])
    )


def _rule_problems(loaded: LoadedRule, context: Context) -> Iterable[Problem]:
    rule = loaded.rule
    if rule is None:
        return []
    types: Mapping[str, TriggerType] = context.snapshot.trigger_types
    return [
        *unknown_trigger_problems(rule, context),
        *trigger_parameter_problems(rule, types),
        *lint_rule(rule, context),
    ]


def _with_problems(loaded: LoadedRule, problems: list[Problem]) -> LoadedRule:
    if not problems:
        return loaded
    broken = any(problem.severity is Severity.ERROR for problem in problems)
    state = RuleState.BROKEN if broken else loaded.state
    return msgspec.structs.replace(loaded, state=state, problems=(*loaded.problems, *problems))
