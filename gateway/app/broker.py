"""The link of a gateway through a broker, as its settings describe it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from gateway.app.broker_probing import Side
from gateway.app.endpoint import broker_identity
from gateway.domain.errors import ConfigurationError
from gateway.domain.label import RANK
from gateway.domain.session import Peer
from gateway.links.budget import Budget
from gateway.links.exchange import Exchange
from gateway.links.mqtt import MqttLink
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.gateway import GatewaySettings, Mqtt
from gateway.store.data_directory import claim
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


def gateway_side(settings: GatewaySettings, url: str) -> Side:
    """Return how a gateway probes the broker at `url`.

    Raises:
        ConfigurationError: the settings have no link through it, or the gateway runs.
    """
    _require_idle(settings.gateway.data_folder)
    mqtt = settings.links.mqtt
    if mqtt is None or mqtt.url != url.rstrip("/"):
        raise ConfigurationError(
            f"`{url}` is not the broker of [links.mqtt]", "name it there, with certificate and key"
        )
    return Side(broker_address(mqtt), None, settings.gateway.origin)


def endpoint_side(settings: EndpointSettings, url: str) -> Side:
    """Return how an endpoint probes the broker at `url`.

    Raises:
        ConfigurationError: no gateway of the settings is behind it, or the endpoint runs.
    """
    _require_idle(settings.data_folder)
    found = next((address for address in settings.gateways if address.url == url.rstrip("/")), None)
    if found is None or not url.startswith("mqtts://"):
        raise ConfigurationError(f"`{url}` is no broker of [[gateways]]", "name it there, with origin and pinned key")
    where = urlsplit(found.url)
    address = BrokerAddress(
        where.hostname or "", where.port or DEFAULT_PORT, broker_identity(settings), found.spki_sha256
    )
    return Side(address, topic_id(settings.network, settings.authority), found.origin)


def _require_idle(data_folder: str) -> None:
    """Let nobody probe with a certificate that is in use: the two would end each other's connection in turns."""
    if not Path(data_folder).exists():
        return
    try:
        claim(Path(data_folder)).close()
    except ConfigurationError as error:
        if "in use" not in error.what:
            raise
        raise ConfigurationError(
            f"{error.what} and is connected with the certificate that would probe", "stop it, or probe as somebody else"
        ) from None


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
