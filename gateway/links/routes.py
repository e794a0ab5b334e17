"""Which method and path is whose: an exact table, no pattern that could match too much."""

from typing import Generic, TypeVar

from gateway.links.replies import ProblemError

Endpoint = TypeVar("Endpoint")


class Routes(Generic[Endpoint]):
    """Paths such as `/v1/messages/{id}`; a part in braces stands for one segment, handed to the endpoint."""

    def __init__(self) -> None:
        """Start without routes."""
        self._table: dict[int, list[tuple[tuple[str, ...], dict[str, Endpoint]]]] = {}

    def add(self, method: str, template: str, endpoint: Endpoint) -> None:
        """Serve `method` on `template` by `endpoint`."""
        parts = tuple(template.split("/"))
        rows = self._table.setdefault(len(parts), [])
        for known, methods in rows:
            if known == parts:
                methods[method] = endpoint
                return
        rows.append((parts, {method: endpoint}))

    def listed(self) -> list[tuple[str, str]]:
        """Return every (method, template) that is served."""
        return [
            (method, "/".join(parts)) for rows in self._table.values() for parts, methods in rows for method in methods
        ]

    def find(self, method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
        """Return the endpoint of a request and the segments that stand for braces.

        Raises:
            ProblemError: no such path, or not with this method.
        """
        asked = path.split("/")
        for parts, methods in self._table.get(len(asked), ()):
            if all(part == given or part.startswith("{") for part, given in zip(parts, asked, strict=True)):
                if method not in methods:
                    raise ProblemError("method-not-allowed", headers={"Allow": ", ".join(sorted(methods))}, final=True)
                segments = tuple(given for part, given in zip(parts, asked, strict=True) if part.startswith("{"))
                return methods[method], segments
        raise ProblemError("not-found", final=True)
