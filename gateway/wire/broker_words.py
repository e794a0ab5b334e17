"""The words of a connection to a broker: who we are there, what it granted, what it gave us, why it did not.

Source: S-18 (MQTT 5.0, 2.4, 3.2.2).
"""

import ssl

from msgspec import Struct

from gateway.domain.errors import PeerError
from gateway.wire.broker_frames import PACKET_BYTES_MAX
from gateway.wire.tls import Identity, client_context, spki_sha256

QOS = 1
# Reason codes of PUBACK, SUBACK and CONNACK (MQTT 5.0, 2.4).
SUCCESS, NO_SUBSCRIBER, REFUSED_FROM, NOT_AUTHORIZED = 0x00, 0x10, 0x80, 0x87


class BrokerError(PeerError):
    """There is no connection to the broker, or it has ended; what was under way is sent again on the next one."""


class BrokerRefusedError(BrokerError):
    """The broker lets us in no further: identity or access rules are not what they must be."""


class Granted(Struct, frozen=True):
    """What the broker granted in its CONNACK."""

    session_present: bool
    client_id: str
    receive_max: int = 65_535
    packet_bytes_max: int = 268_435_455
    session_expiry_s: int = 0
    qos_max: int = 2
    shared: bool = True
    wildcards: bool = True
    retain: bool = True

    def lacks(self, *, as_gateway: bool) -> list[str]:
        """Return what is missing for a gateway or an endpoint, in words."""
        found = []
        if self.qos_max < QOS:
            found.append("quality of service 1")
        if self.packet_bytes_max < PACKET_BYTES_MAX:
            found.append(f"packets of {PACKET_BYTES_MAX} bytes (it takes {self.packet_bytes_max})")
        if as_gateway and not self.shared:
            found.append("shared subscriptions")
        if as_gateway and not self.wildcards:
            found.append("wildcards in subscriptions")
        return found


class Inbound(Struct):
    """One publish that the broker gave us. `acknowledge` it once, when what it carries is not the broker's any more."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    number: int
    epoch: int
    settled: bool = False


class BrokerAddress(Struct, frozen=True):
    """Where a broker is, who we are there, and the digest of its TLS key (None: any key under our CA)."""

    host: str
    port: int
    identity: Identity
    spki_sha256: str | None = None


def context_for(address: BrokerAddress) -> ssl.SSLContext:
    """Return TLS 1.3 with our certificate towards a broker of our CA, and its pinned key if there is one.

    Raises:
        ConfigurationError: a file is missing or no PEM.
    """
    context = client_context(address.identity, None)
    context.set_alpn_protocols(["mqtt"])
    if address.spki_sha256 is not None:
        context.sslsocket_class = _pinning(address.spki_sha256)
    return context


def _pinning(expected: str) -> type[ssl.SSLSocket]:
    class Pinning(ssl.SSLSocket):
        """Fails the handshake unless the broker shows the pinned key."""

        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            certificate = self.getpeercert(binary_form=True)
            if certificate is None or spki_sha256(certificate) != expected:
                raise ssl.SSLCertVerificationError("the broker's key is not the pinned one")

    return Pinning
