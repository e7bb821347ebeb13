"""Endpoint files → the endpoints of a snapshot, and those that are broken: nothing is sent to them, and what waits is kept."""

import msgspec

from stormlet.content.dialect import Provenance
from stormlet.content.endpoint_documents import EndpointReader, broken_endpoint
from stormlet.content.rule_loading import duplicates
from stormlet.content.shapes import has_errors
from stormlet.content.yaml_reader import Document
from stormlet.model.endpoint import BrokenEndpoint, Endpoint
from stormlet.model.problem import Problem


class ReadEndpoint(msgspec.Struct, frozen=True):
    """What one file holds: an endpoint, or what is known of a broken one."""

    endpoint: Endpoint | None
    broken: BrokenEndpoint | None
    problems: tuple[Problem, ...]


def read_endpoint(document: Document, provenance: Provenance, reader: EndpointReader) -> ReadEndpoint:
    """Give an endpoint's file its meaning."""
    problems = list(document.problems)
    if document.readable:
        endpoint, found = reader.endpoint_from_document(document.value, provenance)
        problems += found
        if endpoint is not None and not has_errors(problems):
            return ReadEndpoint(endpoint, None, tuple(problems))
    return ReadEndpoint(None, broken_endpoint(document.value, provenance, problems), tuple(problems))


class EndpointCollection:
    """The endpoints found so far. A first one of a name wins; a second one is a problem of both."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self.broken: dict[str, BrokenEndpoint] = {}
        self.problems: list[Problem] = []

    def take(self, read: ReadEndpoint) -> None:
        """Add what one file holds."""
        self.problems += read.problems
        if read.broken is not None:
            self.broken.setdefault(read.broken.ref, read.broken)
        if read.endpoint is not None:
            first = self.endpoints.setdefault(read.endpoint.ref, read.endpoint)
            if first is not read.endpoint:
                self.problems += duplicates("endpoint", first.ref, first.location, read.endpoint.location)
