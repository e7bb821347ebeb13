"""Settings: one type that says every setting's name, default, bounds and meaning; and the only reader of the environment.

Order, later wins: defaults, `stormlet.toml` (in the home directory or `--config`), `STORMLET_SECTION__KEY`, flags.
`STORMLET_SECTION__KEY_FILE` names a file whose content is the value, for secrets that a platform mounts.
The reference page docs/reference/settings.md is generated from here.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stormlet.foundation.errors import SettingsError
from stormlet.foundation.setting_sources import SettingSources, read_variable

PREFIX = "STORMLET_"
# Read by the command-line client or only once, at the first start; they are not settings of the server.
OTHER_VARIABLES = frozenset({"HOME", "URL", "API_KEY", "AUTH_TOKEN", "BOOTSTRAP_API_KEY", "ADMIN_PASSWORD", "CONFIG"})


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the engine is reached."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 9101
    public_url: Annotated[
        str, Meta(description="The URL under which others reach this server; empty: made of host and port.")
    ] = ""
    shutdown_grace: Annotated[
        float, Meta(ge=0, le=3600, description="Seconds that running actions may go on after SIGTERM.")
    ] = 30.0
    max_connections: Annotated[
        int, Meta(ge=1, description="Open connections at the same time; more are closed at once.")
    ] = 2000
    allow_origin: Annotated[list[str], Meta(description="Origins that browsers may call the API from (CORS).")] = []


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request may cost."""

    body_bytes: Annotated[int, Meta(ge=1024, description="Largest request body, also after decompression.")] = (
        1024 * 1024
    )
    json_depth: Annotated[int, Meta(ge=4, le=500, description="Deepest nesting of a JSON body.")] = 100
    header_seconds: Annotated[
        float, Meta(gt=0, description="Time for a client to send its request line and headers.")
    ] = 10.0
    body_seconds: Annotated[float, Meta(gt=0, description="Time for a client to send its whole body.")] = 30.0
    idle_seconds: Annotated[float, Meta(gt=0, description="How long a kept-alive connection may stay silent.")] = 75.0
    queue: Annotated[int, Meta(ge=1, description="Requests that may wait for the disk; more are answered 503.")] = 5000
    rule_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Longest time that one rule may take to match one event, and again to have its parameters rendered; "
            "then its enforcement fails.",
        ),
    ] = 1.0
    event_seconds: Annotated[
        float, Meta(gt=0, description="Longest time that all rules together may take for one event.")
    ] = 5.0


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may talk to the API."""

    enable: Annotated[bool, Meta(description="False lets anybody do anything; only on a loopback address.")] = True
    token_ttl: Annotated[int, Meta(ge=1, description="Longest life of a token, in seconds, and its default.")] = 86400
    query_credentials: Annotated[
        bool, Meta(description="Accept `?st2-api-key=` and `?x-auth-token=`, for senders that can only be given a URL.")
    ] = True


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where packs, rules and sources lie."""

    packs: Annotated[
        list[str], Meta(description="Directories that hold packs (or are one), besides those in the wheel.")
    ] = []
    rules: Annotated[
        list[str], Meta(description="Directories of rule files that belong to no pack (pack `default`).")
    ] = []
    sources: Annotated[
        list[str],
        Meta(
            description="Directories of source files that belong to no pack (pack `default`), besides `sources` in the home."
        ),
    ] = []
    endpoints: Annotated[
        list[str], Meta(description="Directories of endpoint files that belong to no pack (pack `default`).")
    ] = []
    configs: Annotated[
        str, Meta(description="Directory of pack configs, `<pack>.yaml`; empty: `configs` in the home.")
    ] = ""
    watch: Annotated[bool, Meta(description="Load changed files while running.")] = True
    poll: Annotated[
        bool, Meta(description="Find changes by polling: for network mounts and Kubernetes ConfigMaps.")
    ] = False
    max_file_bytes: Annotated[int, Meta(ge=1024, description="Largest content file.")] = 1024 * 1024


class Storage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The database and how long it remembers."""

    path: Annotated[str, Meta(description="SQLite file; empty: `stormlet.db` in the home directory.")] = ""
    retention_days: Annotated[
        float, Meta(ge=0, description="Days that processed events and completed executions are kept; 0: for ever.")
    ] = 30.0
    purge_interval: Annotated[float, Meta(gt=0, description="Seconds between two looks for what may be purged.")] = (
        600.0
    )
    reserve_bytes: Annotated[
        int,
        Meta(
            ge=0,
            description="Free disk space below which no new event is taken, so that outcomes can still be written.",
        ),
    ] = 64 * 1024 * 1024
    lock_seconds: Annotated[
        float, Meta(ge=0, description="How long to wait for a database that somebody else has locked.")
    ] = 5.0


class Execution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How actions run."""

    workers: Annotated[int, Meta(ge=1, le=1024, description="Actions running at the same time.")] = 20
    lease_seconds: Annotated[
        float, Meta(ge=1, description="How long a worker may be silent before its execution is rescued.")
    ] = 30.0
    on_interruption: Annotated[
        str,
        Meta(
            pattern="^(fail|retry)$",
            description="What becomes of an action that was running when the engine died: `fail` (status abandoned) or `retry`. "
            "An action's own metadata wins.",
        ),
    ] = "fail"
    output_bytes: Annotated[
        int, Meta(ge=1024, description="Output kept of each stream of an action; more is cut with a mark.")
    ] = 1024 * 1024
    kill_seconds: Annotated[
        float, Meta(ge=0, description="Time between SIGTERM and SIGKILL for an action that must end.")
    ] = 5.0
    user: Annotated[str, Meta(description="Name shown as the user of executions that rules request.")] = "stanley"


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How messages go out to endpoints."""

    schedule: Annotated[
        tuple[float, ...],
        Meta(
            min_length=1,
            max_length=50,
            description="Seconds before the first attempt, the second, …; then it is given up.",
        ),
    ] = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
    jitter: Annotated[
        float, Meta(ge=0, le=1, description="A wait is lengthened by up to this part of it, at random.")
    ] = 0.2
    timeout: Annotated[
        float,
        Meta(gt=0, le=300, description="Seconds for one attempt, from connecting to the last byte of the answer."),
    ] = 15.0
    concurrency: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Attempts at the same time for one endpoint that is well; one that fails gets one.",
        ),
    ] = 8
    attempts: Annotated[
        int, Meta(ge=2, le=2000, description="Attempts at the same time for all endpoints together.")
    ] = 256
    disable_after_days: Annotated[
        float, Meta(ge=0, description="Days without one success after which an endpoint is switched off; 0: never.")
    ] = 5.0
    retention_days: Annotated[
        float,
        Meta(ge=0, description="Days that deliveries which have ended are kept, with their attempts; 0: for ever."),
    ] = 30.0
    chain_depth: Annotated[
        int,
        Meta(
            ge=1, le=50, description="Endpoints and rules that may follow from each other before it counts as a loop."
        ),
    ] = 8
    http: Annotated[bool, Meta(description="Also send to http: URLs; only for receivers in your own network.")] = False
    ports: Annotated[tuple[int, ...], Meta(description="Ports that are sent to; 0 is any.")] = (443,)
    allow: Annotated[
        list[str], Meta(description="CIDR blocks that are sent to although they are not public, such as 10.1.0.0/16.")
    ] = []


class Templates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a template may cost."""

    output_bytes: Annotated[int, Meta(ge=1024, description="Longest text that one template may render to.")] = (
        1024 * 1024
    )
    seconds: Annotated[float, Meta(gt=0, description="Longest time that one template may take.")] = 1.0
    regex_seconds: Annotated[float, Meta(gt=0, description="Longest time that one regular expression may take.")] = 0.05


class Logging(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged and how."""

    level: Annotated[str, Meta(pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is logged.")] = (
        "INFO"
    )
    format: Annotated[str, Meta(pattern="^(text|json)$", description="`text` for people, `json` for machines.")] = (
        "text"
    )


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of one engine."""

    home: Annotated[str, Meta(description="Directory of the database, the keys and stormlet.toml.")] = ".stormlet"
    server: Server = Server()
    limits: Limits = Limits()
    auth: Auth = Auth()
    content: Content = Content()
    store: Storage = Storage()
    execution: Execution = Execution()
    delivery: Delivery = Delivery()
    templates: Templates = Templates()
    logging: Logging = Logging()


class Bootstrap(msgspec.Struct, frozen=True):
    """Credentials that automation sets; None where one is to be generated."""

    api_key: str | None = None
    admin_password: str | None = None


def environment() -> Mapping[str, str]:
    """Return the process's environment. Nothing else reads it."""
    return os.environ


def read_bootstrap(variables: Mapping[str, str]) -> Bootstrap:
    """Read STORMLET_BOOTSTRAP_API_KEY and STORMLET_ADMIN_PASSWORD (or their _FILE forms)."""
    return Bootstrap(
        api_key=_variable(variables, "BOOTSTRAP_API_KEY"), admin_password=_variable(variables, "ADMIN_PASSWORD")
    )


def read_settings(
    variables: Mapping[str, str], flags: Mapping[str, Any] | None = None, config: str | None = None
) -> Settings:
    """Join defaults, the file, the environment and flags.

    Args:
        variables: the environment.
        flags: nested like the file, such as `{"server": {"port": 8000}}`; None values are left out.
        config: path of a TOML file that must exist; None: `stormlet.toml` in the home directory, if it is there.

    Raises:
        SettingsError: a file that cannot be read, unknown names, or values out of their bounds; says which and where from.
    """
    flags = flags or {}
    home = flags.get("home") or _variable(variables, "HOME") or ".stormlet"
    config = config or _variable(variables, "CONFIG")
    path = Path(config) if config else Path(home) / "stormlet.toml"
    sources = SettingSources(Settings, PREFIX)
    if config or path.exists():
        sources.add_file(path)
    sources.add_variables(variables, OTHER_VARIABLES)
    sources.add_flags(flags)
    tree = {"home": home, **sources.join()}
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:  # each setting is right, but not all of them together
        raise SettingsError(f"settings cannot be used: {error}") from None


def _variable(variables: Mapping[str, str], name: str) -> str | None:
    return read_variable(variables, PREFIX, name)
