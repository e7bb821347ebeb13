"""What the engine says about itself: metrics under fixed names, and log lines that hide credentials.

docs/reference/metrics.md is generated from `Metrics.HELP`.
"""

import logging
import re
import sys
from typing import ClassVar, TextIO

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stormlet.foundation.clock import EPOCH, to_iso

_CREDENTIAL = re.compile(
    r"((?:st2-api-key|x-auth-token|api[_-]?key|authorization|password|token)[\"']?\s*[=:]\s*[\"']?)"
    r"((?:bearer|basic)\s+)?[^\s\"'&,;}]+",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


class Metrics:
    """Counters and gauges of one engine, in a registry of its own."""

    HELP: ClassVar[dict[str, str]] = {
        "stormlet_events_total": "Requests to webhooks, by what came of them (accepted, duplicate, stale, handshake, refused, "
        "overloaded).",
        "stormlet_source_requests_total": "Requests to webhooks that a source guards, by source and what came of them (accepted, "
        "duplicate, stale, handshake, refused, limited, overloaded).",
        "stormlet_accept_seconds": "Time from a webhook's last byte to its answer, the commit included.",
        "stormlet_decisions_total": "Trigger instances decided, by status.",
        "stormlet_rules_matched_total": "Enforcements, by status.",
        "stormlet_executions_total": "Concluded executions, by status and runner.",
        "stormlet_execution_seconds": "Time from start to end of executions.",
        "stormlet_pending_instances": "Trigger instances that wait to be decided.",
        "stormlet_waiting_executions": "Executions that wait for a worker.",
        "stormlet_running_executions": "Executions that run.",
        "stormlet_oldest_pending_seconds": "Age of the oldest trigger instance that waits to be decided.",
        "stormlet_rules": "Rules, by state (ready, stale, broken).",
        "stormlet_content_problems": "Problems found in content, by severity.",
        "stormlet_deliveries_total": "Attempts to deliver a message, by what followed (delivered, retry, give-up, disable).",
        "stormlet_delivery_seconds": "Time from the beginning of an attempt to deliver to the end of its answer.",
        "stormlet_waiting_deliveries": "Deliveries that wait for an attempt.",
        "stormlet_reloads_total": "Times that content was loaded.",
        "stormlet_http_requests_total": "HTTP requests, by method, route and status.",
        "stormlet_http_seconds": "Time from a request's headers to its answer, by route.",
        "stormlet_http_connections": "Open HTTP connections.",
        "stormlet_http_malformed_total": "Connections that sent something that is no HTTP request.",
    }

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry, text = self.registry, self.HELP
        name = "stormlet_events_total"
        self.events = Counter(name, text[name], ["outcome"], registry=registry)
        name = "stormlet_source_requests_total"
        self.source_requests = Counter(name, text[name], ["source", "outcome"], registry=registry)
        name = "stormlet_accept_seconds"
        buckets = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
        self.accept_seconds = Histogram(name, text[name], buckets=buckets, registry=registry)
        name = "stormlet_decisions_total"
        self.decisions = Counter(name, text[name], ["status"], registry=registry)
        name = "stormlet_rules_matched_total"
        self.enforcements = Counter(name, text[name], ["status"], registry=registry)
        name = "stormlet_executions_total"
        self.executions = Counter(name, text[name], ["status", "runner"], registry=registry)
        name = "stormlet_execution_seconds"
        self.execution_seconds = Histogram(name, text[name], registry=registry)
        name = "stormlet_deliveries_total"
        self.deliveries = Counter(name, text[name], ["outcome"], registry=registry)
        name = "stormlet_delivery_seconds"
        self.delivery_seconds = Histogram(name, text[name], registry=registry)
        self.waiting_deliveries = self._gauge("stormlet_waiting_deliveries")
        name = "stormlet_reloads_total"
        self.reloads = Counter(name, text[name], registry=registry)
        name = "stormlet_rules"
        self.rules = Gauge(name, text[name], ["state"], registry=registry)
        name = "stormlet_content_problems"
        self.problems = Gauge(name, text[name], ["severity"], registry=registry)
        self.pending_instances = self._gauge("stormlet_pending_instances")
        self.waiting_executions = self._gauge("stormlet_waiting_executions")
        self.running_executions = self._gauge("stormlet_running_executions")
        self.oldest_pending_seconds = self._gauge("stormlet_oldest_pending_seconds")
        name = "stormlet_http_requests_total"
        self.http_requests = Counter(name, text[name], ["method", "route", "status"], registry=registry)
        name = "stormlet_http_seconds"
        self.http_seconds = Histogram(name, text[name], ["route"], buckets=buckets, registry=registry)
        name = "stormlet_http_malformed_total"
        self.http_malformed = Counter(name, text[name], registry=registry)
        self.http_connections = self._gauge("stormlet_http_connections")

    def _gauge(self, name: str) -> Gauge:
        return Gauge(name, self.HELP[name], registry=self.registry)


def mask_credentials(text: str) -> str:
    """Replace what follows `api-key=`, `X-Auth-Token:` and the like; log lines are made of this."""
    return _CREDENTIAL.sub(r"\1********", text)


def one_line(text: str) -> str:
    """Escape line breaks and control characters, so that nothing in an event can forge a log line or colour a terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


class TextFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678901Z INFO stormlet.flow text`, one line a record; a traceback follows indented."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_moment(record)} {record.levelname} {record.name} {one_line(mask_credentials(record.getMessage()))}"
        if record.exc_info:
            trace = mask_credentials(self.formatException(record.exc_info))
            line += "\n" + "\n".join(f"    {one_line(part)}" for part in trace.splitlines())
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": mask_credentials(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = mask_credentials(self.formatException(record.exc_info))
        return msgspec.json.encode(entry).decode()


def set_up_logging(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send all log records to `stream` (default: standard error), masked, in the wanted form (`text` or `json`)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # watchfiles tells of every batch of changes at INFO, which our own line about the reload says better.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


def _moment(record: logging.LogRecord) -> str:
    from datetime import timedelta

    return to_iso(EPOCH + timedelta(seconds=record.created))
