"""HTTP answers: problems for everything that failed, and nothing that a peer sent.

Every answer forbids caching and sniffing; no answer is HTML. Source: S-09 (RFC 9457).
"""

from collections.abc import Mapping

from aiohttp import web

from gateway.domain.decision import Reason
from gateway.wire import problems

# Whose software answers is known; which version of which library is nobody's business.
FIXED_HEADERS = {"Server": "accord", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ProblemError(Exception):
    """Ends a request with the problem of a registered code.

    `detail` is a line of ours; `reasons` are those of a refusal. `final` closes the connection, because the peer's
    body was not read.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        retry_after_s: int = 0,
        receipt: bytes = b"",
        reasons: tuple[Reason, ...] = (),
        headers: Mapping[str, str] | None = None,
        final: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.receipt = receipt
        self.reasons = reasons
        self.headers = dict(headers or {})
        self.final = final

    def response(self, language: str = "en") -> web.Response:
        """Return the answer that says so, in a language of ours."""
        headers = {**self.headers, "Content-Language": language}
        if self.retry_after_s:
            headers["Retry-After"] = str(self.retry_after_s)
        answer = reply(
            problems.body(self.code, self.detail, self.retry_after_s, self.receipt, self.reasons, language),
            problems.MEDIA_TYPE,
            status=problems.problem(self.code).status,
            headers=headers,
        )
        if self.final:
            answer.force_close()
        return answer


def reply(body: bytes, media_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer with our fixed headers."""
    return web.Response(
        status=status, body=body, headers={**FIXED_HEADERS, "Content-Type": media_type, **(headers or {})}
    )


def nothing() -> web.Response:
    """Return the answer that there is nothing to tell."""
    return web.Response(status=204, headers=FIXED_HEADERS)


def raw_problem(code: str, retry_after_s: int = 0) -> bytes:
    """Return a whole HTTP/1.1 answer for a connection that is turned away before any request."""
    body = problems.body(code, retry_after_s=retry_after_s)
    status = problems.problem(code).status
    lines = [
        f"HTTP/1.1 {status} Refused",
        f"Content-Type: {problems.MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *([f"Retry-After: {retry_after_s}"] if retry_after_s else []),
    ]
    return "\r\n".join((*lines, "", "")).encode("ascii") + body
