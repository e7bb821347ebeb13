"""The descriptors of senders that run code, infrastructure and alerts. Data only; `registry.py` lists them.

Facts are from the senders' own pages (Scalr, Pulumi, HCP, Spacelift: the pages that the project starts from). Where a
page contradicts itself, the line that decides says so.
"""

from typing import Final

from stormlet.signatures.descriptor import Algorithm, Descriptor, Encoding, HeaderNames, Legacy
from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.places import in_body, in_header
from stormlet.signatures.scheme import About, demo
from stormlet.signatures.secret import KeyForm
from stormlet.signatures.timestamps import TimeForm, Window

_BODY = "That the body comes from someone who knows the secret, unchanged."
_NO_TIME = "When it was sent: a recorded request can be sent again; deduplicate by delivery id. "
_UNSIGNED_ID = "The delivery id and every other header: only the body is signed."


SCALR: Final = HmacScheme(
    About(
        name="scalr",
        title="Scalr",
        signs="HMAC-SHA256 in hex over the body followed by the text of the `Date` header",
        configure="The webhook's secret key, as text.",
        proves="That body and `Date` come from someone who knows the key, less than 300 s ago or ahead.",
        unproved="That it is the first delivery within those 300 s: there is no delivery id.",
        event_type=(in_body("event-name"),),
        example=demo(b'{"event-name": "run:completed", "payload-version": 1}'),
    ),
    Descriptor(
        headers=(HeaderNames(signature="X-Signature", timestamp="Date"),),
        signed="{body}{timestamp}",
        time_form=TimeForm.HTTP_DATE,
        # Scalr's own server refuses at exactly 300 s (`delta >= 300`), where the other senders refuse above it.
        window=Window(seconds=300, exclusive=True),
        legacy=Legacy(header="X-Signature"),  # Scalr before 2018 signed with SHA-1
    ),
)

PULUMI: Final = HmacScheme(
    About(
        name="pulumi",
        title="Pulumi Cloud",
        signs="HMAC-SHA256 in hex over the body",  # the page's Python snippet says base64; its table, JS, TS and Go hex
        configure="The webhook's shared secret, as text.",
        proves=_BODY,
        unproved=_NO_TIME + _UNSIGNED_ID,
        delivery_id=(in_header("Pulumi-Webhook-ID"),),
        event_type=(in_header("Pulumi-Webhook-Kind"),),
        example=demo(b'{"kind": "update", "result": "succeeded"}', ("Pulumi-Webhook-Kind", "stack_update")),
    ),
    Descriptor(headers=(HeaderNames(signature="Pulumi-Webhook-Signature"),)),
)

HCP: Final = HmacScheme(
    About(
        name="hcp",
        title="HashiCorp Cloud Platform",
        signs="HMAC-SHA512 in hex over the body; a `sha512=` before it is taken too",
        configure="The webhook's token, as text.",
        proves=_BODY,
        unproved="When it was sent: a recorded request can be sent again; deduplicate by `event_id`, which is signed.",
        delivery_id=(in_body("event_id"),),
        delivery_id_signed=True,
        event_type=(in_body("event_source"), in_body("event_action")),
        handshake="The verification payload (`event_action: test`) is answered with 200 and not dispatched.",
        example=demo(b'{"event_id": "packer.event:t79BRg8WhTmDPBRM", "event_action": "create"}'),
    ),
    Descriptor(
        headers=(HeaderNames(signature="X-HCP-Webhook-Signature"),),
        algorithm=Algorithm.SHA512,
        prefix="sha512=",
        prefix_optional=True,
    ),
)

TFC: Final = HmacScheme(
    About(
        name="tfc",
        title="HCP Terraform (Terraform Cloud, Enterprise)",
        aliases=("hcp-terraform", "terraform-cloud", "tfe"),
        signs="HMAC-SHA512 in hex over the body",
        configure="The notification configuration's token, as text. Without one, Terraform sends the header empty.",
        proves=_BODY,
        unproved=_NO_TIME + "There is no delivery id; use run, trigger and `run_updated_at`.",
        event_type=(in_body("notifications.0.trigger"), in_body("trigger")),
        handshake="The verification payload (`trigger: verification`) is answered with 200 and not dispatched.",
        example=demo(b'{"payload_version": 1, "notifications": [{"trigger": "run:errored"}]}'),
    ),
    Descriptor(
        headers=(HeaderNames(signature="X-TFE-Notification-Signature"),),
        algorithm=Algorithm.SHA512,
    ),
)

SPACELIFT: Final = HmacScheme(
    About(
        name="spacelift",
        title="Spacelift",
        signs="HMAC-SHA256 in hex over the body, after `sha256=` or bare; `X-Signature` (SHA-1) is never looked at "
        "unless the option `legacy` is on and the stronger header is absent",
        configure="The webhook's secret, as text. Everybody with read access to the stack can see it.",
        proves=_BODY,
        unproved=_NO_TIME + "There is no delivery id; use `run.id` with `stateVersion`.",
        event_type=(in_body("state"),),
        example=demo(b'{"account": "acme", "state": "FINISHED", "stateVersion": 6}'),
    ),
    Descriptor(
        headers=(HeaderNames(signature="X-Signature-256"),),
        prefix="sha256=",
        prefix_optional=True,
        legacy=Legacy(header="X-Signature", prefix="sha1="),
    ),
)

GITHUB: Final = HmacScheme(
    About(
        name="github",
        title="GitHub",
        aliases=("gitea", "forgejo"),
        signs="HMAC-SHA256 in hex over the body as sent (for form hooks: the urlencoded form), after `sha256=`; "
        "`X-Hub-Signature` (SHA-1) only with the option `legacy` and without the stronger header",
        configure="The webhook's secret, as text.",
        proves=_BODY,
        unproved=_NO_TIME + _UNSIGNED_ID,
        delivery_id=(in_header("X-GitHub-Delivery"),),
        event_type=(in_header("X-GitHub-Event"), in_body("action")),
        handshake="`ping` is answered with 200 and not dispatched.",
        example=demo(b'{"action": "opened", "number": 7}', ("X-GitHub-Event", "pull_request")),
    ),
    Descriptor(
        headers=(HeaderNames(signature="X-Hub-Signature-256"),),
        prefix="sha256=",
        legacy=Legacy(header="X-Hub-Signature", prefix="sha1="),
    ),
)

BITBUCKET: Final = HmacScheme(
    About(
        name="bitbucket",
        title="Bitbucket Cloud and Data Center",
        aliases=("bitbucket-cloud", "bitbucket-dc", "bitbucket-server"),
        signs="HMAC-SHA256 in hex over the body, after `sha256=`",
        configure="The webhook's secret, as text.",
        proves=_BODY,
        unproved=_NO_TIME + _UNSIGNED_ID,
        delivery_id=(in_header("X-Request-UUID"), in_header("X-Request-Id")),
        event_type=(in_header("X-Event-Key"),),
        handshake="`diagnostics:ping` is answered with 200 and not dispatched.",
        example=demo(b'{"push": {"changes": []}}', ("X-Event-Key", "repo:push")),
    ),
    Descriptor(headers=(HeaderNames(signature="X-Hub-Signature"),), prefix="sha256="),
)

JIRA: Final = HmacScheme(
    About(
        name="jira",
        title="Jira Cloud (admin webhooks with a secret)",
        signs="HMAC-SHA256 in hex over the body, after `sha256=`",
        configure="The webhook's secret, as text. Webhooks of Connect and OAuth apps are not signed.",
        proves=_BODY,
        unproved=_NO_TIME + _UNSIGNED_ID,
        delivery_id=(in_header("X-Atlassian-Webhook-Identifier"),),
        event_type=(in_body("webhookEvent"),),
        example=demo(b'{"webhookEvent": "jira:issue_updated"}'),
    ),
    Descriptor(headers=(HeaderNames(signature="X-Hub-Signature"),), prefix="sha256="),
)

SENTRY: Final = HmacScheme(
    About(
        name="sentry",
        title="Sentry (integration platform)",
        signs="HMAC-SHA256 in hex over the body",
        configure="The integration's client secret, as text.",
        proves=_BODY,
        unproved=_NO_TIME + "`Sentry-Hook-Timestamp` and `Request-ID` are not signed.",
        delivery_id=(in_header("Request-ID"),),
        event_type=(in_header("Sentry-Hook-Resource"), in_body("action")),
        example=demo(b'{"action": "triggered"}', ("Sentry-Hook-Resource", "event_alert")),
    ),
    Descriptor(headers=(HeaderNames(signature="Sentry-Hook-Signature"),)),
)

GRAFANA: Final = HmacScheme(
    About(
        name="grafana",
        title="Grafana Alerting",
        signs="HMAC-SHA256 in hex over the body; over `time:body` where the option `timestamp_header` names the header "
        "that was configured in Grafana",
        configure="The contact point's HMAC secret, as text.",
        proves=_BODY + " With a timestamp header: at most 300 s ago.",
        unproved="When it was sent, unless a timestamp header is configured on both sides.",
        event_type=(in_body("status"),),
        example=demo(b'{"status": "firing", "alerts": []}'),
    ),
    Descriptor(
        headers=(  # Grafana's docs name the first, its code falls back to the second
            HeaderNames(signature="X-Grafana-Alerting-Signature"),
            HeaderNames(signature="X-Grafana-Alert-Signature"),
        ),
        signed_with_time="{timestamp}:{body}",
    ),
)

PAGERDUTY: Final = HmacScheme(
    About(
        name="pagerduty",
        title="PagerDuty (webhooks v3)",
        signs="HMAC-SHA256 in hex over the body, after `v1=`; several, separated by commas, while a secret is rotated",
        configure="The secret that PagerDuty shows once when the subscription is made, as text.",
        proves=_BODY,
        unproved=_NO_TIME + "Headers, such as `X-Webhook-Id`: only the body is signed.",
        delivery_id=(in_body("event.id"),),
        delivery_id_signed=True,
        event_type=(in_body("event.event_type"),),
        handshake="`pagey.ping` is answered with 200 and not dispatched.",
        example=demo(b'{"event": {"id": "01E7K2M9", "event_type": "incident.triggered"}}'),
    ),
    Descriptor(
        headers=(HeaderNames(signature="X-PagerDuty-Signature"),),
        prefix="v1=",
        separator=",",
        strip_entries=True,
    ),
)

GITLAB_SIGNING: Final = HmacScheme(
    About(
        name="gitlab-signing",
        title="GitLab (signing token)",
        signs="HMAC-SHA256 in base64 over `id.time.body`, after `v1,`; several, separated by spaces",
        configure="The signing token: `whsec_` and base64. The prefix may be left out.",
        proves="That id, time and body come from someone who knows the token, at most 300 s ago or ahead.",
        delivery_id=(in_header("webhook-id"),),
        delivery_id_signed=True,
        event_type=(in_header("X-Gitlab-Event"), in_body("object_kind")),
        example=demo(
            b'{"object_kind": "pipeline"}',
            ("webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
            key="whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ==",
        ),
    ),
    Descriptor(
        headers=(HeaderNames(signature="webhook-signature", timestamp="webhook-timestamp", id="webhook-id"),),
        encoding=Encoding.BASE64,
        signed="{id}.{timestamp}.{body}",
        prefix="v1,",
        separator=" ",
        key=KeyForm.BASE64,
        key_prefix="whsec_",
    ),
)

PLATFORMS: Final = (
    SCALR,
    PULUMI,
    HCP,
    TFC,
    SPACELIFT,
    GITHUB,
    GITLAB_SIGNING,
    BITBUCKET,
    JIRA,
    SENTRY,
    GRAFANA,
    PAGERDUTY,
)
