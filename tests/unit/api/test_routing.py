"""One place, many spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlet.api.call import Call, Reply
from stormlet.api.openapi import describe, url_of
from stormlet.api.routes import ROUTES
from stormlet.api.routing import Route, UrlTable, split_path, split_target
from stormlet.foundation.errors import InvalidInputError

TABLE = UrlTable(ROUTES)


def where(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    found = TABLE.match(method, path)
    return (found.route.path, dict(found.parts)) if found else None


@pytest.mark.parametrize("prefix", ["/api/v1", "/api", "/v1", "", "//api//v1", "/api/v1/"])
@pytest.mark.parametrize("end", ["", "/", "//", "///"])
def test_prefixes_and_slashes_never_change_the_answer(prefix: str, end: str) -> None:
    """st2's own proxy, its bare port, and whatever a sender of webhooks makes of a URL."""
    assert where("GET", f"{prefix}/rules{end}") == ("/rules", {})
    assert where("GET", f"{prefix}/rules/p.r{end}") == ("/rules/{ref_or_id}", {"ref_or_id": "p.r"})
    assert where("POST", f"{prefix}/webhooks//a//b{end}") == ("/webhooks/{hook:.*}", {"hook": "a/b"})


@pytest.mark.parametrize("prefix", ["/auth/v1", "/auth", "/v1", ""])
def test_tokens_are_issued_under_the_urls_of_st2auth(prefix: str) -> None:
    """And not under the API's."""
    assert where("POST", f"{prefix}/tokens/") == ("/tokens", {})
    assert where("POST", f"/api{prefix}/tokens") is None or prefix.startswith("/auth")
    assert where("GET", "/auth/v1/rules") is None


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/", "/"),
        ("GET", "/api", "/"),
        ("GET", "/api/v1/", "/"),
        ("GET", "/livez", "/livez"),
        ("HEAD", "/livez", "/livez"),
        ("GET", "/v1/actionexecutions/last", "/executions/{execution_id}"),
        ("GET", "/rules/views", "/rules/views"),
        ("GET", "/rules/views/p.r", "/rules/views/{ref_or_id}"),
        ("GET", "/executions/views/filters", "/executions/views/filters"),
        ("GET", "/executions/x/attribute/result", "/executions/{execution_id}/attribute/{attribute}"),
        ("GET", "/webhooks/a/b/c", "/webhooks/{url:.*}"),
        ("POST", "/webhooks/%61%2Fb", "/webhooks/{hook:.*}"),
    ],
)
def test_paths_find_their_routes(method: str, path: str, route: str) -> None:
    """Literals before parameters; names are decoded."""
    found = where(method, path)
    assert found is not None
    assert found[0] == route


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/webhooks"),
        ("PATCH", "/rules/p.r"),
        ("DELETE", "/rules"),
        ("GET", "/rules/p.r/x"),
        ("GET", "/Rules"),
        ("GET", "/api/v1/api/v1/rules"),
        ("GET", "/api/v2/rules"),
        ("GET", "/stream/v1/stream"),
        ("BREW", "/"),
    ],
)
def test_nothing_else_is_a_route(method: str, path: str) -> None:
    """A wrong method is no route either, as in StackStorm."""
    assert where(method, path) is None


def test_a_path_that_cannot_be_decoded_is_said_so() -> None:
    """In StackStorm's words."""
    with pytest.raises(InvalidInputError, match="URL likely contains invalid or incorrectly URL encoded values"):
        split_path("/rules/%ff")


@given(st.text(max_size=60))
def test_any_path_is_matched_or_refused(path: str) -> None:
    """No path is a fault."""
    try:
        TABLE.match("GET", "/" + path)
    except InvalidInputError:
        return


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a?b=c?d", "/a", "b=c?d"),
        ("/a?b#c", "/a", "b"),
        ("http://host/a?b", "/a", "b"),
        ("HTTPS://host:1?b", "", "b"),
        ("http://host", "", ""),
        ("//host/a", "//host/a", ""),
        ("*", "*", ""),
        ("host:443", "host:443", ""),
    ],
)
def test_targets_are_taken_apart(target: str, path: str, query: str) -> None:
    """Also one in absolute form, as a proxy sends it; a path that begins with two slashes stays a path."""
    assert split_target(target) == (path, query)


async def handler(_call: Call) -> Reply:
    """Do nothing."""
    return Reply()


def test_of_two_routes_that_fit_the_first_is_taken() -> None:
    """So the page's order decides, and can be read."""
    table = UrlTable([Route("GET", "/a/b", handler, "first"), Route("GET", "/a/{x}", handler, "second")])
    assert [found.route.summary for path in ("/a/b", "/a/c") if (found := table.match("GET", path))] == [
        "first",
        "second",
    ]


def test_every_route_can_be_reached() -> None:
    """None is hidden behind another."""
    for route in ROUTES:
        path = route.path.replace("{hook:.*}", "h/k").replace("{url:.*}", "h/k")
        for name in (
            "ref_or_id",
            "id_or_key",
            "name_or_id",
            "instance_id",
            "enforcement_id",
            "execution_id",
            "attribute",
            "name",
        ):
            path = path.replace(f"{{{name}}}", "6b023ca7f29b696cc6012b8b")
        found = TABLE.match(route.method, path)
        assert found is not None, route.path
        assert found.route is route, route.path


def test_openapi_says_what_is_served() -> None:
    """Each route is in the document once, with its parameters, its status and whether it needs a credential."""
    document = describe(ROUTES)
    described = {(method.upper(), url) for url, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, url_of(route)) for route in ROUTES}
    assert len(described) == len(ROUTES)
    for route in ROUTES:
        operation = document["paths"][url_of(route)][route.method.lower()]
        assert str(route.status) in operation["responses"]
        assert bool(operation["security"]) is not route.public
        query = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        assert query == set(route.query)
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if operation["operationId"] != "operations.live"
    ]
    assert len(names) == len(set(names))


def test_a_slash_in_a_name_is_no_border() -> None:
    """Decoded after the path is taken apart; in a hook's URL it makes no difference, and cannot make an empty one."""
    assert where("GET", "/rules/default.%2E%2E%2Fx") == ("/rules/{ref_or_id}", {"ref_or_id": "default.../x"})
    assert where("POST", "/webhooks/a%2F%2Fb/") == ("/webhooks/{hook:.*}", {"hook": "a/b"})
    assert where("POST", "/webhooks/%2F") is None
