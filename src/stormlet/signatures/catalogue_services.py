"""The descriptors of senders that sell, pay, talk and meet, and of the standards that many share. Data only."""

from typing import Final

from stormlet.signatures.catalogue_platforms import GITLAB_SIGNING
from stormlet.signatures.descriptor import Descriptor, Encoding, HeaderNames
from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.places import in_body, in_header
from stormlet.signatures.scheme import About, demo
from stormlet.signatures.secret import KeyForm

_STAMPED = "That time and body come from someone who knows the secret, at most 300 s ago or ahead."
_DEMO_KEY = "whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ=="


STRIPE: Final = HmacScheme(
    About(
        name="stripe",
        title="Stripe",
        signs="HMAC-SHA256 in hex over `t.body`; `Stripe-Signature` is a list: `t=`, and `v1=` once or more. "
        "`v0` and unknown versions never count",
        configure="The endpoint's signing secret, whole, with its `whsec_`: Stripe does not decode it.",
        proves=_STAMPED,
        delivery_id=(in_body("id"),),
        delivery_id_signed=True,
        event_type=(in_body("type"),),
        example=demo(b'{"id": "evt_1QxYzA2eZvKYlo2C0aBcDeFg", "type": "invoice.paid"}', key="whsec_demo"),
    ),
    Descriptor(
        headers=(HeaderNames(signature="Stripe-Signature"),),
        signed="{timestamp}.{body}",
        prefix="v1=",
        separator=",",
        time_prefix="t=",
    ),
)

SLACK: Final = HmacScheme(
    About(
        name="slack",
        title="Slack",
        signs="HMAC-SHA256 in hex over `v0:time:body`, after `v0=`",
        configure="The app's signing secret, as text (not the client secret, not the verification token).",
        proves=_STAMPED,
        unproved="That it is the first attempt: Slack's retries have the same `event_id`.",
        delivery_id=(in_body("event_id"),),
        delivery_id_signed=True,
        event_type=(in_body("event.type"), in_body("type")),
        handshake="A signed `url_verification` is answered with its challenge and not dispatched.",
        example=demo(b'{"type": "event_callback", "event_id": "Ev07QK1ABCDE", "event": {"type": "message"}}'),
    ),
    Descriptor(
        headers=(HeaderNames(signature="X-Slack-Signature", timestamp="X-Slack-Request-Timestamp"),),
        signed="v0:{timestamp}:{body}",
        prefix="v0=",
    ),
)

ZOOM: Final = HmacScheme(
    About(
        name="zoom",
        title="Zoom",
        signs="HMAC-SHA256 in hex over `v0:time:body`, after `v0=`. Zoom's own library signs the body as "
        "`JSON.stringify` writes it, so that form is tried second, unless the option `reserialised` is off",
        configure="The app's secret token, as text.",
        proves=_STAMPED,
        unproved="Which spelling of the JSON was sent, unless `reserialised` is off.",
        event_type=(in_body("event"),),
        handshake="A signed `endpoint.url_validation` is answered with the token and its HMAC, and not dispatched.",
        example=demo(b'{"event":"meeting.started","event_ts":1770801465123}'),
    ),
    Descriptor(
        headers=(HeaderNames(signature="x-zm-signature", timestamp="x-zm-request-timestamp"),),
        signed="v0:{timestamp}:{body}",
        prefix="v0=",
        reserialised=True,
    ),
)

STANDARD_WEBHOOKS: Final = HmacScheme(
    About(
        name="standard-webhooks",
        title="Standard Webhooks (v1, symmetric)",
        signs="HMAC-SHA256 in base64 over `id.time.body`, after `v1,`; several, separated by spaces",
        configure="`whsec_` and base64; the prefix may be left out. `whpk_` is for standard-webhooks-ed25519.",
        proves="That id, time and body come from someone who knows the secret, at most 300 s ago or ahead.",
        delivery_id=(in_header("webhook-id"),),
        delivery_id_signed=True,
        event_type=(in_body("type"),),
        example=demo(b'{"type":"contact.created"}', ("webhook-id", "msg_2KWPBgLlAfx"), key=_DEMO_KEY),
    ),
    GITLAB_SIGNING.descriptor,
)

SVIX: Final = HmacScheme(
    About(
        name="svix",
        title="Svix (Clerk, Resend and others)",
        signs="as standard-webhooks, in the headers `svix-*`, or else in `webhook-*`; the two are never mixed",
        configure="The endpoint's signing secret: `whsec_` and base64.",
        proves="That id, time and body come from someone who knows the secret, at most 300 s ago or ahead.",
        delivery_id=(in_header("svix-id"), in_header("webhook-id")),
        delivery_id_signed=True,
        event_type=(in_body("type"),),
        example=demo(b'{"type":"contact.created"}', ("svix-id", "msg_2KWPBgLlAfx"), key=_DEMO_KEY),
    ),
    Descriptor(
        headers=(
            HeaderNames(signature="svix-signature", timestamp="svix-timestamp", id="svix-id"),
            *GITLAB_SIGNING.descriptor.headers,
        ),
        encoding=Encoding.BASE64,
        signed="{id}.{timestamp}.{body}",
        prefix="v1,",
        separator=" ",
        key=KeyForm.BASE64,
        key_prefix="whsec_",
    ),
)

SHOPIFY: Final = HmacScheme(
    About(
        name="shopify",
        title="Shopify",
        signs="HMAC-SHA256 in base64 over the body; without `X-` in the header's name for Events (preview)",
        configure="The app's client secret, as text.",
        proves="That the body comes from someone who knows the secret, unchanged.",
        unproved="When it was sent, and the delivery id, topic and shop: they are headers, which are not signed.",
        delivery_id=(in_header("X-Shopify-Webhook-Id"), in_header("Shopify-Webhook-Id")),
        event_type=(in_header("X-Shopify-Topic"), in_header("Shopify-Topic")),
        example=demo(b'{"id": 820982911946154508}', ("X-Shopify-Topic", "orders/create")),
    ),
    Descriptor(
        headers=(HeaderNames(signature="X-Shopify-Hmac-Sha256"), HeaderNames(signature="Shopify-Hmac-Sha256")),
        encoding=Encoding.BASE64,
    ),
)

TEAMS: Final = HmacScheme(
    About(
        name="teams",
        title="Microsoft Teams (outgoing webhook)",
        signs="HMAC-SHA256 in base64 over the body, in `Authorization: HMAC …`",
        configure="The security token that Teams shows once: base64.",
        proves="That the body comes from someone who knows the token, unchanged.",
        unproved="When it was sent; deduplicate by `id`, which is signed.",
        delivery_id=(in_body("id"),),
        delivery_id_signed=True,
        event_type=(in_body("type"),),
        handshake="None; but the answer to every call is shown in the channel, and must be a message within 5 s.",
        example=demo(
            b'{"type": "message", "id": "1770801465123", "text": "status db-3"}',
            key="c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ==",
        ),
    ),
    Descriptor(
        headers=(HeaderNames(signature="Authorization"),),
        encoding=Encoding.BASE64,
        prefix="HMAC ",
        prefix_any_case=True,
        key=KeyForm.BASE64,
    ),
)

SERVICES: Final = (STRIPE, SLACK, ZOOM, STANDARD_WEBHOOKS, SVIX, SHOPIFY, TEAMS)
