"""The marking of a message, and the scale that clearances share with it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.names import Code

Level = Literal["open", "restricted", "confidential", "secret", "top-secret"]
# Position is rank: a carrier of rank r may carry levels up to r.
LEVELS: tuple[str, ...] = ("open", "restricted", "confidential", "secret", "top-secret")
RANK: dict[str, int] = {level: rank for rank, level in enumerate(LEVELS)}

ThirdParty = Literal["permitted", "consent-required", "prohibited"]


class Label(Struct, frozen=True, forbid_unknown_fields=True):
    """What the originator says of the confidentiality and the nature of its information.

    `third_party` can be stricter than the agreement, never laxer. `confidential_fact` hides even
    the existence of the message (C8-26). `special_categories` need a `necessity` (CZ-24).
    """

    level: Level
    handling: Annotated[tuple[Code, ...], Meta(max_length=8)]
    third_party: ThirdParty
    personal_data: bool
    special_categories: Annotated[tuple[Code, ...], Meta(max_length=16)]
    necessity: Code | None
    confidential_fact: bool
