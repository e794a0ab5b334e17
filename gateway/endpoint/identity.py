"""Who this endpoint is, and whom it believes: its authority, its secret keys, its gateways, the directory keys."""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.crypto.keys import SecretKey
from gateway.domain.directory import KeySet
from gateway.domain.errors import ConfigurationError
from gateway.domain.names import AuthorityId, Code, Digest, Origin

Url = Annotated[str, Meta(pattern=r"^(https|mqtts)://[A-Za-z0-9.:\[\]-]{1,255}\Z")]


SealRole = Literal["seal", "signatory"]


class GatewayAddress(Struct, frozen=True, forbid_unknown_fields=True):
    """One gateway: `https://host:port`, the origin of its ledger, the digest of its TLS key.

    `mqtts://host:port`: it is reached through this broker, whose TLS key is pinned instead.
    """

    url: Url
    origin: Origin
    spki_sha256: Digest


class KeyRing(Struct, frozen=True):
    """The secret keys of an authority, by use. Seal and signatory keys sign where rules of form ask for them."""

    message: SecretKey
    acknowledgement: SecretKey
    wraps: tuple[SecretKey, ...]
    consent: SecretKey | None
    seals: tuple[SecretKey, ...]

    @classmethod
    def of(cls, keys: Iterable[SecretKey]) -> "KeyRing":
        """Return the ring of `keys`; of several keys of one role that sign alone, the first one signs.

        Raises:
            ConfigurationError: there is no key of role `message`, `acknowledgement` or `wrap`.
        """
        by_role: dict[str, list[SecretKey]] = {}
        for key in keys:
            by_role.setdefault(key.role, []).append(key)
        for role in ("message", "acknowledgement", "wrap"):
            if role not in by_role:
                raise ConfigurationError(f"there is no key of role `{role}`", "run: accord keys generate")
        return cls(
            message=by_role["message"][0],
            acknowledgement=by_role["acknowledgement"][0],
            wraps=tuple(by_role["wrap"]),
            consent=next(iter(by_role.get("consent", ())), None),
            seals=(*by_role.get("seal", ()), *by_role.get("signatory", ())),
        )

    def signers(self, roles: tuple[SealRole, ...]) -> tuple[SecretKey, ...]:
        """Return the keys that sign a header: the `message` key, and one of each further role.

        Raises:
            ConfigurationError: there is no key of such a role.
        """
        by_role = {key.role: key for key in reversed(self.seals)}
        for role in roles:
            if role not in by_role:
                raise ConfigurationError(f"there is no key of role `{role}`", "name one under [[keys]]")
        return (self.message, *(by_role[role] for role in roles))

    @property
    def kids(self) -> dict[bytes, str]:
        """Return the role of each key by its kid."""
        others = () if self.consent is None else (self.consent,)
        return {key.kid: key.role for key in (self.message, self.acknowledgement, *self.wraps, *self.seals, *others)}


class Identity(Struct, frozen=True):
    """An authority of a network, its keys, and the directory keys that it was given by hand.

    `siblings` are kids of this authority's keys that other installations of it hold. `grants_public` is the
    pinned key of the central node's grants, for whoever must judge them; others leave it out.
    """

    authority: AuthorityId
    network: Code
    ring: KeyRing
    trusted: KeySet
    siblings: frozenset[bytes] = frozenset()
    grants_public: bytes | None = None
