"""Every list of an edition, field by field: in its one order, nothing in it twice, nothing named that is not listed."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from gateway.cli.vectors_directory import A, B, pack
from gateway.cli.vectors_lists import KEPT, STRANGERS, Listing, changed, listings, whole
from gateway.crypto.digests import encode_base64url
from gateway.crypto.edition_lists import in_one_order
from gateway.domain.directory import Edition, Grants
from gateway.domain.errors import TrustError
from tests.schemas.gateway_checks import judge

LISTINGS = {each.field: each for each in listings()}
# The order of successions is their meaning: each is signed by the key before it.
CHAINS = {"SignedGrants.successions"}


def opened(edition: Edition) -> None:
    """Verify an edition exactly as it stands, under the keys that the vectors pin."""
    judge({"check": "edition", "given": {"edition": encode_base64url(pack(edition, A, B))}})


def lists_in(type_: inspect.Type) -> Iterator[str]:
    """Yield the field of every list in a type, at every depth."""
    if isinstance(type_, inspect.UnionType):
        for part in type_.types:
            yield from lists_in(part)
    elif isinstance(type_, inspect.VarTupleType):
        yield from lists_in(type_.item_type)
    elif isinstance(type_, inspect.StructType):
        for field in type_.fields:
            parts = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
            if any(isinstance(part, inspect.VarTupleType | inspect.TupleType) for part in parts):
                yield f"{type_.cls.__name__}.{field.name}"
            yield from lists_in(field.type)


def test_every_list_of_the_directory_is_tried() -> None:
    """A list that is added to an edition, or to grants, is held to its order, or this test names it."""
    lists = {*lists_in(inspect.type_info(Edition)), *lists_in(inspect.type_info(Grants))}

    assert lists - CHAINS == set(LISTINGS)


@pytest.mark.parametrize("field", LISTINGS)
def test_threat_E22_list_has_one_order_and_nothing_twice(field: str) -> None:
    """wire.md: sorted lists where order means nothing, so that one content has one digest; as it should be it opens."""
    each: Listing = LISTINGS[field]
    opened(changed(each.path, each.entries))

    if field not in KEPT:
        with pytest.raises(TrustError):
            opened(changed(each.path, each.entries[::-1]))
    with pytest.raises(TrustError):
        opened(changed(each.path, each.doubled))


@pytest.mark.parametrize("field", [field for field in LISTINGS if LISTINGS[field].path[0] != "grants"])
def test_list_is_sorted_when_an_edition_is_built(field: str) -> None:
    """Whoever builds may write a list in any order; what order means something stays as it was written."""
    each = LISTINGS[field]
    turned = changed(each.path, each.entries[::-1])

    assert in_one_order(turned) == (turned if field in KEPT else changed(each.path, each.entries))


@pytest.mark.parametrize("name", STRANGERS)
def test_threat_E22_name_that_leads_nowhere_is_refused(name: str) -> None:
    """E22: whoever and whatever an edition names, it lists; with the name it had it opens."""
    path, stranger = STRANGERS[name]
    right: Any = whole()
    for step in path:
        right = right[step] if isinstance(step, int) else getattr(right, step)
    opened(changed(path, right))

    with pytest.raises(TrustError, match="does not list"):
        opened(in_one_order(changed(path, stranger)))
