"""Stage 7: claimed executions become processes and requests, and end exactly once."""

from stormlet.flow.execution.catalogue import RETIRED_NAMES, RUNNER_TYPES, RUNNERS
from stormlet.flow.execution.worker import Worker

__all__ = ["RETIRED_NAMES", "RUNNERS", "RUNNER_TYPES", "Worker"]
