"""The one registry of problem codes: what each means, who must act, how every link says it.

HTTP answers, WebSocket close codes, `Answer.code`, metric labels and documentation all come
from here. A refusal by policy is `refused`; its reasons are in the receipt, not on this page.
Nothing a peer sent is ever reflected. Source: S-09 (RFC 9457); S-17 (RFC 6455, section 7.4).
The sentences of reasons come from `gateway.policy.reasons`; titles and remedies in Russian from
`gateway.wire.russian`.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.domain.decision import Basis, Reason
from gateway.domain.session import CloseReason
from gateway.policy.reasons import sentence
from gateway.wire.russian import RUSSIAN

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "https://accord.example/problems/"

Actor = Literal["sender", "everybody-later", "directory", "operator"]


class Problem(Struct, frozen=True):
    """One code: fixed title, HTTP status, WebSocket close code, who must act and how."""

    code: str
    title: str
    status: int
    close_code: int
    actor: Actor
    remedy: str


class ProblemReason(Struct, frozen=True, omit_defaults=True):
    """One reason of a refusal, as the receipt records it, with its sentence in the language of the answer."""

    code: str
    sentence: str
    rule: str
    article: str
    basis: Basis
    detail: str | None = None


class ProblemBody(Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem; `receipt` and `reasons` are there when the outcome was recorded (a refusal).

    `title`, `remedy` and the sentences of `reasons` are in the language of the answer (`Content-Language`); codes are
    the same in every language.
    """

    type: str
    title: str
    status: int
    code: str
    actor: Actor
    remedy: str
    detail: str | None = None
    retry_after_s: int | None = None
    receipt: str | None = None
    reasons: tuple[ProblemReason, ...] = ()


_ROWS: tuple[tuple[str, str, int, int, Actor, str], ...] = (
    # What came of a submission.
    ("refused", "not permitted", 403, 4403, "sender", "read the reasons in the receipt, mend, send under a new id"),
    ("format-invalid", "not what it claims to be", 422, 1008, "sender", "encode it as wire.md says and send it again"),
    ("signature-invalid", "no key in force signed this", 422, 1008, "sender", "sign with a key in force"),
    ("nothing-new", "these acknowledgements change nothing", 409, 1008, "sender",
     "do not send them again: what they name has ended, was said before, or was not sent to you"),
    ("busy", "a bound of ours is reached", 429, 1013, "everybody-later", "send the same bytes after retry_after_s"),
    ("outcome-unknown", "not yet recorded", 503, 1013, "everybody-later", "send the same bytes again: same receipt"),
    # Who is at the other end.
    ("endpoint-unknown", "no edition in force lists this certificate", 401, 4401, "directory",
     "have the digest of the certificate's public key listed in the directory"),
    ("endpoint-revoked", "this certificate or authority was revoked", 403, 4403, "directory",
     "ask whoever keeps the directory; connect with a certificate in force"),
    ("link-superseded", "another connection took this one's place", 409, 4409, "sender", "keep one connection"),
    ("ledger-diverged", "our ledger does not contain what you have seen", 409, 4410, "operator",
     "keep what you have seen as evidence; the operator must reconcile"),
    # The protocol of a link.
    ("protocol-breach", "the protocol of the link was broken", 400, 1008, "sender", "follow the link's protocol"),
    ("too-slow", "the peer took nothing for too long", 408, 1013, "sender", "connect again; nothing was lost"),
    ("frame-too-large", "a frame is over its bound", 413, 1009, "sender", "send fewer items in a frame"),
    ("too-many-connections", "too many connections", 429, 1013, "sender", "use the connections you have"),
    # One HTTP request.
    ("request-malformed", "not an HTTP request that we read", 400, 1002, "sender", "send one plain HTTP/1.1 request"),
    ("query-invalid", "a query parameter is missing or out of range", 400, 1008, "sender", "see the OpenAPI document"),
    ("not-found", "nothing here that you may see", 404, 1008, "sender", "check path and id"),
    ("method-not-allowed", "this path does not know the method", 405, 1008, "sender", "see `Allow`"),
    ("body-timeout", "the body came too slowly", 408, 1008, "sender", "send the body at once"),
    ("length-required", "the body has no `Content-Length`", 411, 1008, "sender", "send `Content-Length`, no chunks"),
    ("body-too-large", "the body is over its bound", 413, 1009, "sender", "keep to the bounds of wire.md"),
    ("media-type", "not a media type of this path", 415, 1003, "sender", "see the OpenAPI document"),
    ("encoding-refused", "compressed bodies are refused", 415, 1003, "sender", "send it without `Content-Encoding`"),
    ("expectation-refused", "`Expect` is not served", 417, 1008, "sender", "send the body with the request"),
    ("upgrade-required", "this path speaks WebSocket `accord.v1`", 426, 1002, "sender",
     "upgrade with Sec-WebSocket-Protocol: accord.v1"),
    # Our own state.
    ("not-ready", "we cannot verify, decide, commit and sign now", 503, 1013, "operator", "see /readyz"),
    ("draining", "the gateway is about to stop", 503, 1001, "everybody-later", "connect again shortly"),
    ("fault", "a fault of ours", 500, 1011, "operator", "send the same bytes again later; see the gateway's log"),
)  # fmt: skip

PROBLEMS: dict[str, Problem] = {row[0]: Problem(*row) for row in _ROWS}

# How a link says why the switch ended a session.
CLOSINGS: dict[CloseReason, str] = {
    "drain": "draining",
    "revoked": "endpoint-revoked",
    "protocol": "protocol-breach",
    "slow": "too-slow",
    "overload": "busy",
    "fault": "fault",
    "superseded": "link-superseded",
    "diverged": "ledger-diverged",
}

_encoder = msgspec.json.Encoder()


def problem(code: str) -> Problem:
    """Return the entry of a code; a code that nobody registered is a fault of ours."""
    return PROBLEMS.get(code, PROBLEMS["fault"])


def closing(reason: CloseReason) -> Problem:
    """Return the entry that says why a session was ended."""
    return PROBLEMS[CLOSINGS[reason]]


def told(entry: Problem, language: str) -> tuple[str, str]:
    """Return title and remedy of a problem in a language; in English where we do not speak it."""
    return RUSSIAN[entry.code] if language == "ru" and entry.code in RUSSIAN else (entry.title, entry.remedy)


def body(
    code: str,
    detail: str = "",
    retry_after_s: int = 0,
    receipt: bytes = b"",
    reasons: Iterable[Reason] = (),
    language: str = "en",
) -> bytes:
    """Return an RFC 9457 body.

    Args:
        code: a registered code.
        detail: one line of ours; never what the peer sent.
        retry_after_s: seconds, 0 for none.
        receipt: a tlog-proof (UTF-8: its signature lines begin with an em dash), empty for none.
        reasons: of a refusal, as they were recorded.
        language: of titles and sentences.
    """
    entry = problem(code)
    title, remedy = told(entry, language)
    return _encoder.encode(
        ProblemBody(
            type=TYPE_PREFIX + entry.code,
            title=title,
            status=entry.status,
            code=entry.code,
            actor=entry.actor,
            remedy=remedy,
            detail=detail or None,
            retry_after_s=retry_after_s or None,
            receipt=receipt.decode() or None,
            reasons=tuple(
                ProblemReason(
                    each.code, sentence(each.code, language), each.rule, each.article, each.basis, each.detail
                )
                for each in reasons
            ),
        )
    )
