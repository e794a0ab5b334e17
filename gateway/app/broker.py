"""The link of a gateway through a broker, as its settings describe it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from gateway.domain.label import RANK
from gateway.domain.session import Peer
from gateway.links.budget import Budget
from gateway.links.exchange import Exchange
from gateway.links.mqtt import MqttLink
from gateway.settings.gateway import GatewaySettings, Mqtt
from gateway.telemetry.metrics import Metrics
from gateway.wire.broker_words import BrokerAddress, context_for
from gateway.wire.tls import Identity
from gateway.wire.topics import topic_id

DEFAULT_PORT = 8883


def broker_address(mqtt: Mqtt) -> BrokerAddress:
    """Return where the broker is and who we are there."""
    where = urlsplit(mqtt.url)
    identity = Identity(Path(mqtt.certificate_file), Path(mqtt.key_file), Path(mqtt.authority_file))
    return BrokerAddress(where.hostname or "", where.port or DEFAULT_PORT, identity, mqtt.spki_sha256)


def broker_rank(settings: GatewaySettings) -> int | None:
    """Return the rank up to which a broker may carry; None without a broker."""
    mqtt = settings.links.mqtt
    return None if mqtt is None else RANK[mqtt.clearance]


def require_files(settings: GatewaySettings) -> None:
    """Read the files that the broker will ask for.

    Raises:
        ConfigurationError: one of them is unusable.
    """
    if settings.links.mqtt is not None:
        context_for(broker_address(settings.links.mqtt))


def make_link(
    settings: GatewaySettings,
    exchange: Exchange,
    metrics: Metrics,
    unjudged: Budget,
    peer_of: Callable[[str], Peer | None],
) -> MqttLink | None:
    """Return the link that the settings name, not yet connected; None without one."""
    mqtt = settings.links.mqtt
    if mqtt is None:
        return None
    return MqttLink(
        exchange,
        broker_address(mqtt),
        f"accord-gateway-{topic_id(settings.gateway.network, settings.gateway.origin)}",
        settings.limits,
        mqtt.limits,
        metrics,
        unjudged,
        peer_of,
        mqtt.group,
    )
