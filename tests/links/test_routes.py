"""The table of routes: exact, and with the right refusal."""

import pytest

from gateway.links.replies import ProblemError
from gateway.links.routes import Routes


@pytest.fixture
def routes() -> Routes[str]:
    """Two paths, one of them with an id."""
    routes: Routes[str] = Routes()
    routes.add("GET", "/v1/messages/{id}", "status")
    routes.add("GET", "/v1/messages/{id}/proof", "proof")
    routes.add("POST", "/v1/messages", "submit")
    return routes


def test_route_is_found_with_its_segments(routes: Routes[str]) -> None:
    """A brace takes exactly one segment, as it was given."""
    assert routes.find("GET", "/v1/messages/abc") == ("status", ("abc",))
    assert routes.find("GET", "/v1/messages/abc/proof") == ("proof", ("abc",))
    assert routes.find("POST", "/v1/messages") == ("submit", ())


@pytest.mark.parametrize(
    "path", ["", "/", "/v1", "/v1/messages/a/b", "v1/messages", "/v1/messages/a/proof/", "/V1/messages"]
)
def test_other_paths_are_not_found(routes: Routes[str], path: str) -> None:
    """Nothing matches by prefix, case or slash."""
    with pytest.raises(ProblemError, match="not-found"):
        routes.find("GET", path)


def test_other_method_names_those_that_are_served(routes: Routes[str]) -> None:
    """405 comes with `Allow`."""
    with pytest.raises(ProblemError, match="method-not-allowed") as caught:
        routes.find("DELETE", "/v1/messages")

    assert caught.value.headers == {"Allow": "POST"}
