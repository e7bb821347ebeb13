"""Parts of source documents that name something: places in a request, networks, rates, trigger types by patterns."""

import ipaddress
import math
import re
from collections.abc import Mapping
from typing import Any

from stormlet.content.dialect import Provenance
from stormlet.content.quantities import per_second
from stormlet.content.shapes import is_ref
from stormlet.foundation.paths import PathError, compile_path
from stormlet.model.problem import Problem, Severity
from stormlet.model.source import Rate

HEADER = "header:"
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_HOW = "write header:NAME, or a JSONPath into the body such as $.event.id"


def texts(given: Any) -> tuple[str, ...]:
    """Return a list of texts, or the one text, as a tuple; what is none was told by the schema."""
    if isinstance(given, str):
        return (given,)
    return tuple(each for each in given if isinstance(each, str)) if isinstance(given, list) else ()


def networks(key: str, document: Mapping[str, Any], provenance: Provenance, problems: list[Problem]) -> tuple[str, ...]:
    """Return the addresses and networks under a key; what is none is a problem."""
    given = document.get(key)
    for number, text in enumerate(texts(given)):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            path = f"{key}.{number}" if isinstance(given, list) else key
            hint = "write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"
            problems.append(provenance.problem("bad-value", f"{text!r} is no address or network", path, hint=hint))
    return texts(given)


def rate(key: str, document: Mapping[str, Any], provenance: Provenance, problems: list[Problem]) -> Rate | None:
    """Return the rate under a key: `10/s`, or `{per_second, burst}`; a text that is none is a problem."""
    given = document.get(key)
    if isinstance(given, str):
        average = per_second(given)
        if average is None:
            hint = "write it as 10/s, 600/m or 5000/h"
            problems.append(provenance.problem("bad-value", f"{given!r} is not a rate", key, hint=hint))
            return None
        return Rate(per_second=average, burst=max(1, math.ceil(average)))
    average = given.get("per_second") if isinstance(given, dict) else None
    if not isinstance(given, dict) or isinstance(average, bool) or not isinstance(average, int | float):
        return None
    burst = given.get("burst", max(1, math.ceil(average)))
    return Rate(per_second=float(average), burst=burst if isinstance(burst, int) else 1)


class PlaceReader:
    """Reads places, and adds to the problems of its document."""

    def __init__(self, provenance: Provenance, problems: list[Problem]) -> None:
        self._provenance = provenance
        self._problems = problems

    def several(self, given: Any, path: str) -> tuple[str, ...]:
        """Return one place or several."""
        for number, text in enumerate(texts(given)):
            self._check(text, f"{path}.{number}" if isinstance(given, list) else path)
        return texts(given)

    def check_types(self, types: Mapping[str, str], path: str) -> None:
        """Look at patterns of event types and the refs that they lead to."""
        for pattern, ref in types.items():
            at = f"{path}.{pattern}"
            if not is_ref(ref):
                text = f"{ref!r} is not the ref of a trigger type"
                self._problem("bad-ref", text, at, hint="write pack.name, such as github.push")
            if re.search(r"\[[^\]]*$", pattern):
                self._problem("bad-pattern", f"{pattern!r} opens a `[` that it does not close", at, hint="write [[]")

    def _check(self, text: str, path: str) -> None:
        if text.startswith(HEADER):
            if not _HEADER_NAME.fullmatch(text.removeprefix(HEADER).strip()):
                self._problem("bad-place", f"{text!r} does not name a header", path, hint=_HOW)
            return
        if not text.startswith("$"):
            near = f"write $.{text}" if re.fullmatch(r"[\w.\[\]'-]+", text) else ""
            hint = f"{near}, or header:{text}" if near and "." not in text else near or _HOW
            self._problem("bad-place", f"{text!r} is no place in a request", path, hint=hint)
            return
        try:
            compile_path(text)({})
        except PathError as error:
            self._problem("bad-path", str(error), path)
        except Exception as error:  # noqa: BLE001 - a border: what jsonpath-ng parses but does not implement, it says when asked
            self._problem("bad-path", f"this kind of path cannot be looked up ({type(error).__name__})", path)

    def _problem(self, code: str, text: str, path: str, *, hint: str = "") -> None:
        self._problems.append(self._provenance.problem(code, text, path, hint=hint, severity=Severity.ERROR))
