"""`endpoint.toml`: whose endpoint this is, whom it trusts, where its keys and its data lie."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.domain.names import AuthorityId, Code, KeyId, Role
from gateway.endpoint.identity import GatewayAddress
from gateway.endpoint.limits import EndpointLimits


class TrustSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The root of all trust: the directory keys (a `KeySet` in JSON), given by hand.

    `siblings` are keys of this authority that other installations of it hold; any other key listed under
    our own name that is not among our files is an alarm.
    """

    key_set_file: str
    siblings: tuple[KeyId, ...] = ()


class TlsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Our client certificate, its key, and the private CA of the federation (PEM)."""

    certificate_file: str
    key_file: str
    authority_file: str


class BrokerTls(Struct, frozen=True, forbid_unknown_fields=True):
    """Who we are to an MQTT broker (PEM): the common name of this certificate is the opaque id of our topics."""

    certificate_file: str
    key_file: str
    authority_file: str


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One private key (PEM, mode 0600) and its one role."""

    role: Role
    key_file: str


class EndpointSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An endpoint as its operator describes it.

    The first key of a role signs; further wrap keys still open what was sent to them. `central` is the
    authority that `accord query` asks. `broker` is for gateways with an `mqtts:` address; by default it is `tls`.
    """

    authority: AuthorityId
    network: Code
    data_folder: str
    gateways: Annotated[tuple[GatewayAddress, ...], Meta(min_length=1, max_length=16)]
    trust: TrustSettings
    tls: TlsSettings
    keys: Annotated[tuple[KeyFile, ...], Meta(min_length=3, max_length=32)]
    central: AuthorityId | None = None
    broker: BrokerTls | None = None
    limits: EndpointLimits = EndpointLimits()
