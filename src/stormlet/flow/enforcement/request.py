"""An execution, made: parameters rendered, cast and checked, context put together. Rules and people request alike."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from stormlet.flow.enforcement.pack_config import KeyReaders, render_config
from stormlet.flow.enforcement.parameters import render_parameters, validate_parameters
from stormlet.foundation.deadlines import Deadline
from stormlet.foundation.errors import InvalidInputError, NotFoundError, StormletError
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.templates import Templates, is_template
from stormlet.model.action import Action, RunnerType
from stormlet.model.execution import Execution, ExecutionStatus, LogEntry
from stormlet.model.secret_texts import mask_texts, secret_texts

NAMES_LIMIT = 64


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `given` may hold templates; `extra` is what they see besides st2kv and the contexts
    (for rules: `trigger`)."""

    action: str
    given: Mapping[str, Any] = {}
    context: dict[str, Any] = {}
    extra: Mapping[str, Any] = {}
    user: str = ""
    delay_ms: int = 0
    trace_tag: str = ""
    rule: str | None = None
    trigger_instance_id: str | None = None
    enforcement_id: str | None = None
    parent: str | None = None
    secrets: tuple[str, ...] = ()
    """Secret texts that `given` holds already: those of an execution that is run again."""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The content that a request is checked against; all of one moment."""

    actions: Mapping[str, Action]
    runner_types: Mapping[str, RunnerType]
    configs: Mapping[str, dict[str, Any]] = {}


class Requester:
    """Makes executions; stores nothing."""

    def __init__(self, templates: Templates, keys: KeyReaders) -> None:
        self._templates = templates
        self._keys = keys

    def within(self, deadline: Deadline | None) -> "Requester":
        """Return what makes the same executions, and raises OverdueError where that takes until the deadline."""
        return Requester(self._templates.within(deadline), self._keys)

    def execution(self, request: Request, catalogue: Catalogue, now: datetime) -> Execution:
        """Return the execution that `request` asks for.

        Raises:
            NotFoundError: the action or its runner does not exist.
            InvalidInputError: the action is disabled, or a parameter breaks its schema; in StackStorm's words.
            RenderError: a parameter's template cannot be rendered.
        """
        action, runner = _resolve(request.action, catalogue)
        context = {**request.context, "user": request.user, "pack": action.pack}
        parameters: dict[str, Any] = {}
        with self._keys.decrypt.recording() as opened:
            try:
                parameters = self._render(request, catalogue, action, runner, context)
                validate_parameters(action, runner, parameters)
            except StormletError as error:
                names = _secret_names(action, runner)
                known = [each.get(name) for each in (request.given, parameters) for name in names]
                _mask(error, secret_texts([*known, *request.secrets, *opened]))
                raise
        request = msgspec.structs.replace(request, secrets=tuple(sorted({*request.secrets, *opened})))
        return self.build(request, action, runner, parameters, context, now)

    def _render(
        self,
        request: Request,
        catalogue: Catalogue,
        action: Action,
        runner: RunnerType,
        context: Mapping[str, Any],
    ) -> dict[str, Any]:
        config = render_config(catalogue.configs.get(action.pack, {}), request.user, self._keys, self._templates)
        names = {
            "st2kv": self._keys.lookups(request.user),
            "action_context": context,
            "config_context": config,
            **request.extra,
        }
        return render_parameters(action, runner, request.given, names, self._templates)

    def build(
        self,
        request: Request,
        action: Action,
        runner: RunnerType | None,
        parameters: Mapping[str, Any],
        context: Mapping[str, Any],
        now: datetime,
        status: ExecutionStatus = ExecutionStatus.REQUESTED,
    ) -> Execution:
        """Return an execution with parameters that are final already."""
        identity = new_id(now)
        tag = request.trace_tag or f"execution-{identity}"
        delayed = request.delay_ms > 0 and status is ExecutionStatus.REQUESTED
        status = ExecutionStatus.DELAYED if delayed else status
        return Execution(
            id=identity,
            action=action.ref,
            runner_type=action.runner_type,
            status=status,
            requested_at=now,
            parameters=dict(parameters),
            secret_parameters=tuple(sorted(_secret_names(action, runner))),
            live_parameters=tuple(_live_names(action, runner, request.given, parameters)),
            secrets=request.secrets,
            context={**context, "trace_context": {"trace_tag": tag}},
            action_snapshot=_snapshot(action),
            rule=request.rule,
            trigger_instance_id=request.trigger_instance_id,
            enforcement_id=request.enforcement_id,
            parent=request.parent,
            delay_until=now + timedelta(milliseconds=request.delay_ms) if delayed else None,
            log=(LogEntry(timestamp=now, status=status),),
            idempotent=action.idempotent,
            trace_tag=tag,
        )


def _live_names(
    action: Action, runner: RunnerType | None, given: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Iterator[str]:
    """Name the parameters that were given, and those whose default is a template, in the order of `parameters`."""
    schemas = {**(runner.parameters if runner else {}), **action.parameters}
    for name in parameters:
        schema = schemas.get(name, {})
        default = schema.get("default")
        rendered = isinstance(default, str) and is_template(default) and not schema.get("immutable")
        if given.get(name) is not None or rendered:
            yield name


def _resolve(ref: str, catalogue: Catalogue) -> tuple[Action, RunnerType]:
    action = catalogue.actions.get(ref)
    if action is None:
        raise NotFoundError(f'Action "{ref}" cannot be found.')
    if not action.enabled:
        raise InvalidInputError(f'Unable to execute. Action "{ref}" is disabled.')
    runner = catalogue.runner_types.get(action.runner_type)
    if runner is None:
        raise InvalidInputError(
            f'RunnerType "{action.runner_type}" of action "{ref}" does not exist',
            hint=f"one of {', '.join(sorted(catalogue.runner_types))}",
        )
    return action, runner


def _secret_names(action: Action, runner: RunnerType | None) -> set[str]:
    """Both say so: core.http declares no password, its runner does."""
    schemas = [*action.parameters.items(), *(runner.parameters.items() if runner else ())]
    return {name for name, schema in schemas if schema.get("secret")}


def _mask(error: StormletError, secrets: tuple[str, ...]) -> None:
    """Errors quote values; they are stored, logged and answered."""
    error.text, error.hint = mask_texts(error.text, secrets), mask_texts(error.hint, secrets)
    error.args = (error.text,)


def _snapshot(action: Action) -> dict[str, Any]:
    """Keep what a look at an old execution needs, also after the action has gone: above all which parameters are secret."""
    return {
        "id": action.id,
        "ref": action.ref,
        "pack": action.pack,
        "name": action.name,
        "description": action.description,
        "enabled": action.enabled,
        "runner_type": action.runner_type,
        "entry_point": action.entry_point,
        "parameters": action.parameters,
        "uid": f"action:{action.pack}:{action.name}",
        **({"on_interruption": action.on_interruption} if action.on_interruption else {}),
    }
