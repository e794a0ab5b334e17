"""Reading a request body: bounded before the first byte, timed until the last.

aiohttp has no deadline for bodies and waits for what it will refuse; here a body that is too
long, compressed, chunked or of another type is refused unread (threats E10, E11, N5).
"""

import asyncio

from aiohttp import hdrs, web

from gateway.links.replies import ProblemError
from gateway.wire.limits import Limits


def declared_length(request: web.BaseRequest, media_types: tuple[str, ...], bytes_max: int) -> int:
    """Return the length of the body that a request announces.

    Raises:
        ProblemError: no length, too long, compressed, chunked, or none of `media_types`.
    """
    headers = request.headers
    if hdrs.CONTENT_ENCODING in headers:
        raise ProblemError("encoding-refused", final=True)
    if hdrs.EXPECT in headers:
        raise ProblemError("expectation-refused", final=True)
    if hdrs.TRANSFER_ENCODING in headers or request.content_length is None:
        raise ProblemError("length-required", final=True)
    if request.content_length > bytes_max:
        raise ProblemError("body-too-large", f"at most {bytes_max} bytes", final=True)
    if request.content_type not in media_types or len(headers.getall(hdrs.CONTENT_TYPE, ())) > 1:
        raise ProblemError("media-type", f"send one of {', '.join(media_types)}", final=True)
    return request.content_length


async def read(request: web.BaseRequest, length: int, limits: Limits) -> bytes:
    """Return the whole body of `length` bytes.

    Raises:
        ProblemError: it did not come within the deadline, or too slowly on the way.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    chunks: list[bytes] = []
    received = 0
    try:
        while received < length:
            due_s = max(limits.body_rate_grace_s, received / limits.body_rate_bytes_per_s_min)
            async with asyncio.timeout_at(begun + min(due_s, limits.body_timeout_s)):
                chunk = await request.content.readany()
            if not chunk:
                raise ProblemError("request-malformed", "the body ended early", final=True)
            received += len(chunk)
            chunks.append(chunk)
    except TimeoutError:
        raise ProblemError("body-timeout", final=True) from None
    except (web.RequestPayloadError, ConnectionError):
        # Broken on the way, or the peer has left: then nobody hears this, and it is no fault of ours.
        raise ProblemError("request-malformed", final=True) from None
    return b"".join(chunks)


def refuse_body(request: web.BaseRequest) -> None:
    """Refuse a body where none belongs.

    Raises:
        ProblemError: the request announces one.
    """
    if request.content_length or hdrs.TRANSFER_ENCODING in request.headers:
        raise ProblemError("request-malformed", "this path takes no body", final=True)
