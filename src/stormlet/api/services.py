"""What handlers may use: one struct, built by `app.py`."""

from collections.abc import Callable

import msgspec

from stormlet.api.readiness import Readiness
from stormlet.flow.addressing import Addressing
from stormlet.flow.authentication import Authenticator
from stormlet.flow.guarding import Guarding
from stormlet.flow.operations import Operations
from stormlet.flow.pipeline import Pipeline
from stormlet.flow.reception import Reception
from stormlet.flow.rehearsal import Rehearsal
from stormlet.flow.ruleset import Ruleset
from stormlet.foundation.clock import Clock
from stormlet.foundation.settings import Settings
from stormlet.foundation.telemetry import Metrics
from stormlet.store.datastore import Datastore
from stormlet.store.interface import Store


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one engine that the HTTP side talks to."""

    settings: Settings
    store: Store
    clock: Clock
    metrics: Metrics
    ruleset: Ruleset
    pipeline: Pipeline
    operations: Operations
    rehearsal: Rehearsal
    reception: Reception
    guarding: Guarding
    addressing: Addressing
    wake_dispatcher: Callable[[], None]
    """Says that there is something to send."""
    authenticator: Authenticator
    datastore: Datastore
    readiness: Readiness = msgspec.field(default_factory=Readiness)
