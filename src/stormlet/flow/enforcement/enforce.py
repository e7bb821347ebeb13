"""From verdicts to a decision: for each rule that matched an execution, for each outcome an enforcement.

Pure but for ids and templates: what it returns is written by the pipeline in one transaction.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from stormlet.flow.enforcement.request import Catalogue, Request, Requester
from stormlet.foundation.deadlines import Allowance
from stormlet.foundation.errors import NotFoundError, RenderError, StormletError
from stormlet.foundation.identifiers import new_id
from stormlet.model.enforcement import Enforcement, EnforcementStatus
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.model.rule import Rule
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.model.verdict import Verdict
from stormlet.store.interface import Decision

log = logging.getLogger(__name__)


class AskedRule(Protocol):
    """A compiled rule, of which only the rule itself matters here."""

    @property
    def rule(self) -> Rule: ...


class Enforcer:
    """Turns verdicts into enforcements and executions."""

    def __init__(self, requester: Requester, user: str) -> None:
        self._requester = requester
        self._user = user

    def decide(
        self,
        instance: TriggerInstance,
        payload: Any,
        verdicts: Sequence[Verdict],
        rules: Mapping[str, AskedRule],
        catalogue: Catalogue,
        now: datetime,
        allowance: Allowance | None = None,
    ) -> Decision:
        """Return all that follows from these verdicts; never raises for what content or payload may cause.

        Parameters that take longer than `allowance` has for their rule fail as those do that cannot be rendered.
        """
        enforcements: list[Enforcement] = []
        executions: list[Execution] = []
        for verdict in verdicts:
            if not verdict.matched and not verdict.error:
                continue
            if verdict.error:
                enforcements.append(_failed(verdict, instance, verdict.error, now))
                continue
            rule = rules[verdict.rule].rule
            enforcement, execution = self._enforce(rule, verdict, instance, payload, catalogue, now, allowance)
            enforcements.append(enforcement)
            if execution is not None:
                executions.append(execution)
        return Decision(
            trigger_instance_id=instance.id,
            status=TriggerInstanceStatus.PROCESSED,
            enforcements=tuple(enforcements),
            executions=tuple(executions),
        )

    def _enforce(
        self,
        rule: Rule,
        verdict: Verdict,
        instance: TriggerInstance,
        payload: Any,
        catalogue: Catalogue,
        now: datetime,
        allowance: Allowance | None,
    ) -> tuple[Enforcement, Execution | None]:
        request = self._request(rule, instance, payload, new_id(now))
        deadline = allowance.for_rule(rule.ref) if allowance is not None else None
        try:
            execution = self._requester.within(deadline).execution(request, catalogue, now)
        except NotFoundError:
            reason = f'Action "{rule.action.ref}" doesn\'t exist'
            return _failed(verdict, instance, reason, now, request.enforcement_id), None
        except RenderError as error:
            failed = self._failed_execution(request, catalogue, error, now)
            return _failed(verdict, instance, str(error), now, request.enforcement_id), failed
        except StormletError as error:
            return _failed(verdict, instance, str(error), now, request.enforcement_id), None
        enforcement = Enforcement(
            id=request.enforcement_id or new_id(now),
            rule=rule.ref,
            rule_id=rule.id,
            trigger_instance_id=instance.id,
            enforced_at=now,
            status=EnforcementStatus.SUCCEEDED,
            execution_id=execution.id,
        )
        return enforcement, execution

    def _request(self, rule: Rule, instance: TriggerInstance, payload: Any, enforcement_id: str) -> Request:
        context: dict[str, Any] = {
            "trigger_instance": {"id": instance.id, "name": None},
            "rule": {"id": rule.id, "name": rule.name, "ref": rule.ref},
        }
        extra: dict[str, Any] = {"trigger": payload}
        if "rule" not in rule.action.parameters:
            # Not in StackStorm's context, where only action_context.rule is; harmless unless a parameter has this name.
            extra["rule"] = context["rule"]
        return Request(
            action=rule.action.ref,
            given=rule.action.parameters,
            context=context,
            extra=extra,
            user=self._user,
            trace_tag=instance.trace_tag or f"trigger_instance-{instance.id}",
            rule=rule.ref,
            trigger_instance_id=instance.id,
            enforcement_id=enforcement_id,
        )

    def _failed_execution(self, request: Request, catalogue: Catalogue, error: RenderError, now: datetime) -> Execution:
        """As StackStorm does, leave an execution that failed before it began, so that it is seen where people look."""
        action = catalogue.actions[request.action]
        runner = catalogue.runner_types.get(action.runner_type)
        context: Mapping[str, Any] = {**request.context, "user": request.user, "pack": action.pack}
        execution = self._requester.build(request, action, runner, request.given, context, now, ExecutionStatus.FAILED)
        return msgspec.structs.replace(
            execution, started_at=now, ended_at=now, result={"error": str(error), "traceback": ""}
        )


def _failed(
    verdict: Verdict, instance: TriggerInstance, reason: str, now: datetime, enforcement_id: str | None = None
) -> Enforcement:
    return Enforcement(
        id=enforcement_id or new_id(now),
        rule=verdict.rule,
        rule_id=verdict.rule_id,
        trigger_instance_id=instance.id,
        enforced_at=now,
        status=EnforcementStatus.FAILED,
        failure_reason=reason,
    )
