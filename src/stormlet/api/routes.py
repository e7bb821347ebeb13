"""Every URL of the server, on one page.

API routes are served under /api/v1, /api, /v1 and bare; those of the area `auth` under /auth/v1, /auth, /v1 and bare
(api/routing.py). Each needs a credential unless it is `public`; one that is `guarded` asks for it where no source guards the
webhook by a signature. The last argument is the section of StackStorm's contract
that a route follows (docs/explanation/http.md); a route without one is ours. Of two patterns that fit a path, the first is
taken, so literals stand before parameters.
"""

from stormlet.api.call import Call, Handler, Reply, json_reply
from stormlet.api.handlers import (
    actions,
    credentials,
    deliveries,
    endpoints,
    enforcements,
    executions,
    keys,
    operations,
    packs,
    rules,
    running,
    source_secrets,
    sources,
    trigger_instances,
    triggers,
    webhooks,
)
from stormlet.api.listing import ATTRIBUTES, PAGE
from stormlet.api.openapi import describe
from stormlet.api.routing import AUTH, Route

_LIST = (*ATTRIBUTES, *PAGE)
_SHOW = ("show_secrets",)
_RULES = (*_LIST, "id", "name", "pack", "action", "trigger", "enabled")
_ACTIONS = (*_LIST, "id", "name", "pack", "tags")
_INSTANCES = (*_LIST, "trigger", "trigger_type", "status", "timestamp_gt", "timestamp_lt")
_ENFORCED = (*_LIST, "rule_ref", "rule_id", "trigger_instance", "execution", "enforced_at_gt", "enforced_at_lt", *_SHOW)
_EXECUTIONS = (*_LIST, *executions.FILTERS, *_SHOW)
_KEYS = (*PAGE, "id", "name", "prefix", "scope", "user", "decrypt")
_KEY = ("scope", "user", "decrypt")
_RESULT = ("download", "compress", "pretty_format")


async def openapi(_call: Call) -> Reply:
    """Show this page for machines."""
    return json_reply(describe(ROUTES))


def _server(path: str, handler: Handler, summary: str, *query: str) -> Route:
    """Return a route of the server itself: public, and not worth a line in the log."""
    return Route("GET", path, handler, summary, query, public=True, bare=True, quiet=True)


# fmt: off
ROUTES: tuple[Route, ...] = (
    _server("/", operations.version, "Version"),
    _server("/livez", operations.live, "Whether the process is alive"),
    _server("/healthz", operations.live, "The same, under its older name"),
    _server("/readyz", operations.ready, "Whether events would be taken", "verbose"),
    _server("/metrics", operations.metrics, "Metrics for Prometheus"),
    _server("/openapi.json", openapi, "This table, as OpenAPI 3.1"),

    Route("POST", "/tokens", credentials.log_in, "Log in", public=True, area=AUTH, status=201, section="1.3"),
    Route("POST", "/tokens/validate", credentials.validate_token, "Check a token", area=AUTH, section="1.3"),
    Route("GET", "/user", credentials.who_am_i, "Who one is", section="1.3"),
    Route("GET", "/apikeys", credentials.list_api_keys, "List API keys", (*_LIST, *_SHOW), section="1.3"),
    Route("POST", "/apikeys", credentials.create_api_key, "Make an API key", status=201, section="1.3"),
    Route("GET", "/apikeys/{id_or_key}", credentials.get_api_key, "Show an API key", _SHOW, secret=True, section="1.3"),
    Route("PUT", "/apikeys/{id_or_key}", credentials.update_api_key, "Change an API key", secret=True, section="1.3"),
    Route("DELETE", "/apikeys/{id_or_key}", credentials.delete_api_key, "Delete an API key", status=204, secret=True,
          section="1.3"),

    Route("GET", "/webhooks", webhooks.list_all, "List webhooks", section="1.4"),
    Route("GET", "/webhooks/{url:.*}", webhooks.get, "Show a webhook", section="1.4"),
    Route("POST", "/webhooks/{hook:.*}", webhooks.receive, "Send an event", guarded=True, status=202, section="1.4"),
    Route("PUT", "/webhooks/{hook:.*}", webhooks.receive_put, "Send an event, where a source takes PUT", guarded=True,
          status=202),
    Route("PATCH", "/webhooks/{hook:.*}", webhooks.receive_patch, "Send an event, where a source takes PATCH",
          guarded=True, status=202),
    Route("OPTIONS", "/webhooks/{hook:.*}", webhooks.consent, "Ask whether CloudEvents may be sent", public=True),

    Route("GET", "/rules", rules.list_all, "List rules", (*_RULES, *_SHOW), section="1.5"),
    Route("POST", "/rules", rules.create, "Make a rule", _SHOW, status=201, section="1.5"),
    Route("GET", "/rules/views", rules.list_views, "List rules with descriptions", (*_RULES, *_SHOW), section="1.5"),
    Route("GET", "/rules/views/{ref_or_id}", rules.get_view, "Show a rule with descriptions", _SHOW, section="1.5"),
    Route("GET", "/rules/{ref_or_id}", rules.get, "Show a rule", _SHOW, section="1.5"),
    Route("PUT", "/rules/{ref_or_id}", rules.update, "Change a rule", _SHOW, section="1.5"),
    Route("DELETE", "/rules/{ref_or_id}", rules.delete, "Delete a rule", status=204, section="1.5"),
    Route("GET", "/ruletypes", rules.list_types, "List kinds of rules", section="1.5"),
    Route("GET", "/ruletypes/{name_or_id}", rules.get_type, "Show a kind of rules", section="1.5"),

    Route("GET", "/triggertypes", triggers.list_types, "List trigger types", (*_LIST, "id", "name", "pack"),
          section="1.6"),
    Route("POST", "/triggertypes", triggers.create_type, "Make a trigger type", status=201, section="1.6"),
    Route("GET", "/triggertypes/{ref_or_id}", triggers.get_type, "Show a trigger type", section="1.6"),
    Route("PUT", "/triggertypes/{ref_or_id}", triggers.update_type, "Change a trigger type", section="1.6"),
    Route("DELETE", "/triggertypes/{ref_or_id}", triggers.delete_type, "Delete a trigger type", status=204,
          section="1.6"),
    Route("GET", "/triggers", triggers.list_all, "List triggers", ("type", "pack"), section="1.6"),
    Route("POST", "/triggers", triggers.create, "Make a trigger", status=201, section="1.6"),
    Route("GET", "/triggers/{ref_or_id}", triggers.get, "Show a trigger", section="1.6"),
    Route("PUT", "/triggers/{ref_or_id}", triggers.update, "Change a trigger", section="1.6"),
    Route("DELETE", "/triggers/{ref_or_id}", triggers.delete, "Delete a trigger", status=204, section="1.6"),
    Route("GET", "/triggerinstances", trigger_instances.list_all, "List events", _INSTANCES, section="1.6"),
    Route("GET", "/triggerinstances/{instance_id}", trigger_instances.get, "Show an event", section="1.6"),
    Route("POST", "/triggerinstances/{instance_id}/re_emit", trigger_instances.re_emit, "Let an event happen again",
          section="1.6"),
    Route("GET", "/triggerinstances/{instance_id}/why", trigger_instances.why, "Why rules did or did not match",
          ("rule",)),

    Route("GET", "/ruleenforcements", enforcements.list_all, "List enforcements", _ENFORCED, section="1.7"),
    Route("GET", "/ruleenforcements/views", enforcements.list_views, "List enforcements with what they are about",
          _ENFORCED, section="1.7"),
    Route("GET", "/ruleenforcements/views/{enforcement_id}", enforcements.get_view,
          "Show an enforcement with what it is about", section="1.7"),
    Route("GET", "/ruleenforcements/{enforcement_id}", enforcements.get, "Show an enforcement", section="1.7"),

    Route("GET", "/actions", actions.list_all, "List actions", _ACTIONS, section="1.8"),
    Route("POST", "/actions", actions.create, "Make an action", status=201, section="1.8"),
    Route("GET", "/actions/views/overview", actions.list_views, "List actions with all parameters", _ACTIONS,
          section="1.8"),
    Route("GET", "/actions/views/overview/{ref_or_id}", actions.get_view, "Show an action with all parameters",
          section="1.8"),
    Route("GET", "/actions/views/parameters/{ref_or_id}", actions.get_parameters, "Show an action's parameters",
          section="1.8"),
    Route("GET", "/actions/views/entry_point/{ref_or_id}", actions.get_entry_point, "Show the file that an action runs",
          section="1.8"),
    Route("GET", "/actions/{ref_or_id}", actions.get, "Show an action", section="1.8"),
    Route("PUT", "/actions/{ref_or_id}", actions.update, "Change an action", section="1.8"),
    Route("DELETE", "/actions/{ref_or_id}", actions.delete, "Delete an action", status=204, section="1.8"),
    Route("GET", "/runnertypes", actions.list_runners, "List runner types", (*_LIST, "id", "name"), section="1.12"),
    Route("GET", "/runnertypes/{name_or_id}", actions.get_runner, "Show a runner type", section="1.12"),

    Route("GET", "/executions", executions.list_all, "List executions", _EXECUTIONS, section="1.9"),
    Route("POST", "/executions", running.create, "Run an action", _SHOW, status=201, section="1.9"),
    Route("GET", "/executions/views/filters", executions.get_filters, "Values to filter by", ("types",), section="1.9"),
    Route("GET", "/executions/{execution_id}", executions.get, "Show an execution, or the `last`",
          (*ATTRIBUTES, *_SHOW, "max_result_size"), section="1.9"),
    Route("PUT", "/executions/{execution_id}", running.update, "Cancel an execution", _SHOW, section="1.9"),
    Route("DELETE", "/executions/{execution_id}", running.cancel, "Cancel an execution", _SHOW, section="1.9"),
    Route("GET", "/executions/{execution_id}/output", executions.get_output, "Show what it printed", ("output_type",),
          section="1.9"),
    Route("GET", "/executions/{execution_id}/result", executions.get_result, "Show its result", _RESULT, section="1.9"),
    Route("GET", "/executions/{execution_id}/attribute/{attribute}", executions.get_attribute, "Show one attribute",
          _SHOW, section="1.9"),
    Route("GET", "/executions/{execution_id}/children", executions.get_children, "List what it started",
          (*PAGE, *_SHOW), section="1.9"),
    Route("POST", "/executions/{execution_id}/re_run", running.re_run, "Run an action again", _SHOW, status=201,
          section="1.9"),

    Route("GET", "/keys", keys.list_all, "List datastore items", _KEYS, section="1.10"),
    Route("GET", "/keys/{name}", keys.get, "Show a datastore item", _KEY, section="1.10"),
    Route("PUT", "/keys/{name}", keys.put, "Set a datastore item", _KEY, section="1.10"),
    Route("DELETE", "/keys/{name}", keys.delete, "Delete a datastore item", _KEY, status=204, section="1.10"),

    Route("GET", "/sources", sources.list_all, "List sources", (*_LIST, "id", "name", "pack", "url", "scheme")),
    Route("POST", "/sources", sources.create, "Make a source", status=201),
    Route("GET", "/sources/{ref_or_id}", sources.get, "Show a source"),
    Route("PUT", "/sources/{ref_or_id}", sources.update, "Change a source"),
    Route("DELETE", "/sources/{ref_or_id}", sources.delete, "Delete a source", status=204),
    Route("GET", "/sources/{ref_or_id}/rejections", sources.list_rejections, "List requests that were refused", PAGE),
    Route("GET", "/sources/{ref_or_id}/rejections/{rejection_id}", sources.explain,
          "Tell why a request was refused, one by its id or the `last`"),
    Route("POST", "/sources/{ref_or_id}/rejections/{rejection_id}/retry", sources.retry,
          "Judge a refused request again"),
    Route("GET", "/sources/{ref_or_id}/secrets", source_secrets.list_secrets, "List a source's secrets, not their values"),
    Route("DELETE", "/sources/{ref_or_id}/secrets/{name}", source_secrets.delete_secret, "Take out an old secret",
          status=204),
    Route("POST", "/sources/{ref_or_id}/rotate", source_secrets.rotate, "Add a new secret, and keep the old one active"),
    Route("GET", "/schemes", sources.list_schemes, "List signature schemes", _LIST),

    Route("GET", "/endpoints", endpoints.list_all, "List endpoints",
          (*_LIST, "id", "name", "pack", "format", "state", *_SHOW)),
    Route("POST", "/endpoints", endpoints.create, "Make an endpoint, and verify it", _SHOW, status=201),
    Route("GET", "/endpoints/{ref_or_id}", endpoints.get, "Show an endpoint", _SHOW),
    Route("PUT", "/endpoints/{ref_or_id}", endpoints.update, "Make an endpoint so, whether it is there or not", _SHOW),
    Route("DELETE", "/endpoints/{ref_or_id}", endpoints.delete, "Delete an endpoint", status=204),
    Route("POST", "/endpoints/{ref_or_id}/verify", endpoints.verify, "Ask an endpoint whether it is there"),
    Route("GET", "/endpoints/{ref_or_id}/secrets", endpoints.list_secrets, "List an endpoint's secrets"),
    Route("POST", "/endpoints/{ref_or_id}/rotate", endpoints.rotate,
          "Sign with a new secret, and for a while with the old one too"),
    Route("GET", "/messagetypes", endpoints.list_types, "List types of messages", _LIST),
    Route("GET", "/formats", endpoints.list_formats, "List formats of messages", _LIST),
    Route("GET", "/deliveries", deliveries.list_all, "List deliveries", (*_LIST, *deliveries.FILTERS)),
    Route("POST", "/deliveries/resend", deliveries.resend_many, "Send deliveries once more, or count them", status=202),
    Route("POST", "/deliveries/cancel", deliveries.cancel_many, "Give up deliveries, or count them"),
    Route("GET", "/deliveries/{delivery_id}", deliveries.get, "Show a delivery with every attempt"),
    Route("POST", "/deliveries/{delivery_id}/resend", deliveries.resend, "Send a delivery once more", status=202),
    Route("POST", "/deliveries/{delivery_id}/cancel", deliveries.cancel, "Give up a delivery"),

    Route("GET", "/packs", packs.list_all, "List packs", (*_LIST, "id", "name", "ref"), section="1.11"),
    Route("GET", "/packs/{ref_or_id}", packs.get, "Show a pack", section="1.11"),
    Route("GET", "/problems", packs.list_problems, "List what is wrong with content", ("code", "severity", "file")),
)
# fmt: on
