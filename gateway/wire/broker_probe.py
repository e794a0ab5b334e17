"""Does a broker let in a client that shows no certificate? Asked once a connection, in a thread."""

import socket
import ssl

from gateway.wire.broker_words import BrokerAddress

TIMEOUT_S = 5.0
# CONNECT of MQTT 5, clean start, keep alive 10 s, no properties, client id `accord-stranger`, no user, no password.
_CONNECT_BODY = b"\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x0faccord-stranger"
CONNECT = b"\x10" + bytes([len(_CONNECT_BODY)]) + _CONNECT_BODY
CONNACK = 0x20


def lets_anybody_in(address: BrokerAddress) -> bool:
    """Return True if the broker answers a stranger's CONNECT with success; blocks up to some seconds."""
    # Who the broker is has been proved on the connection that carries messages; here it is only asked to refuse.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address.host, address.port), timeout=TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as secured,
        ):
            secured.sendall(CONNECT)
            answer = secured.recv(16)
    except OSError:
        # Refused, cut or silent: not let in. `ssl.SSLError` is an OSError.
        return False
    return len(answer) >= 4 and answer[0] == CONNACK and answer[3] == 0
