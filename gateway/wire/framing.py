"""Our frames inside WebSocket frames: unfragmented, unmasked, binary, as a server sends them.

Source: S-17 (RFC 6455, section 5.2).
"""

from gateway.wire.frames import FromGateway, encode_into

# Room for the head of a frame whose length takes eight bytes.
_LONGEST_HEAD = bytes(10)


def framed(frame: FromGateway) -> bytearray:
    """Return one frame as it travels."""
    written = bytearray()
    append_framed(written, frame)
    return written


def append_framed(written: bytearray, frame: FromGateway) -> None:
    """Append one frame as it travels; it is encoded in its place, so that a delivery is copied once."""
    begin = len(written)
    written += _LONGEST_HEAD
    body = begin + len(_LONGEST_HEAD)
    encode_into(frame, written, body)
    length = len(written) - body
    if length < 126:
        head = b"\x82%c" % length
    elif length < 65_536:
        head = b"\x82\x7e" + length.to_bytes(2, "big")
    else:
        head = b"\x82\x7f" + length.to_bytes(8, "big")
    written[begin:body] = head
