"""An edition in words, and two editions compared: what a keeper reads before signing."""

from collections.abc import Iterator

import msgspec

from gateway.app.editions import Unverified
from gateway.cli.moments import spelled
from gateway.domain.directory import Authority, Edition

# Lists whose items have a name of their own are compared by it, whatever their place.
_NAMES: dict[str, tuple[str, ...]] = {
    "authorities": ("id",),
    "parties": ("id",),
    "keys": ("kid",),
    "endpoints": ("spki_sha256",),
    "adherences": ("agreement", "party"),
    "law": ("agreement",),
    "gateways": ("origin",),
    "witnesses": ("kid",),
    "channels": ("agreement", "between"),
}
_EXPECTED = frozenset({"number", "previous_sha256", "issued_at_ms", "not_after_ms"})


def summary(found: Unverified) -> Iterator[str]:
    """Yield what an edition says, one line a fact; nothing of it has been verified."""
    edition = found.edition
    yield f"edition {edition.number} of {edition.network} (not verified)"
    yield f"digest     {found.sha256}"
    yield f"issued     {spelled(edition.issued_at_ms)}, good until {spelled(edition.not_after_ms)}"
    yield f"signed by  {', '.join(found.signers) or 'nobody'}"
    yield f"key set    {edition.key_set.threshold} of {', '.join(entry.kid for entry in edition.key_set.keys)}"
    yield f"grants     {'yes' if edition.grants else 'none'}"
    for gateway in edition.gateways:
        yield f"gateway    {gateway.origin}  checkpoint key {gateway.checkpoint_key}  tls {gateway.spki_sha256}"
    for law in edition.law:
        bound = [entry.party for entry in edition.adherences if entry.agreement == law.agreement]
        yield f"agreement  {law.agreement:<20} {law.sha256}  {' '.join(bound)}"
    for authority in edition.authorities:
        yield from _authority(authority)


def _authority(authority: Authority) -> Iterator[str]:
    revoked = "  REVOKED" if authority.revoked else ""
    yield f"authority  {authority.id} of {authority.party}, up to {authority.clearance}{revoked}"
    for key in authority.keys:
        status = "" if key.status == "active" else f"  {key.status.upper()}"
        yield f"  key      {key.kid} {key.role:<16} until {spelled(key.not_after_ms)}{status}"
    for endpoint in authority.endpoints:
        revoked = "  REVOKED" if endpoint.revoked else ""
        yield f"  {endpoint.link:<8} {endpoint.spki_sha256} up to {endpoint.clearance}{revoked}"


def changes(old: Edition, new: Edition) -> Iterator[str]:
    """Yield every difference, `path: before -> after`; `+` and `-` for what came and went.

    Number, dates and the digest of the predecessor always differ and are left out.
    """
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    for field in before:
        if field not in _EXPECTED:
            yield from _differences(field, before[field], after[field])


def _differences(path: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    field = path.rpartition(".")[2]
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and field in _NAMES:
        yield from _listed(path, _by_name(field, old), _by_name(field, new))
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _differences(f"{path}.{key}", old.get(key), new.get(key))
    else:
        yield f"  {path}: {_short(old)} -> {_short(new)}"


def _listed(path: str, old: dict[str, object], new: dict[str, object]) -> Iterator[str]:
    for name in sorted({**old, **new}):
        if name not in new:
            yield f"- {path}[{name}]"
        elif name not in old:
            yield f"+ {path}[{name}] {_short(new[name])}"
        elif old[name] != new[name]:
            before, after = old[name], new[name]
            if isinstance(before, dict) and isinstance(after, dict):
                for key in before:
                    for line in _differences(key, before[key], after.get(key)):
                        yield line[:2] + f"{path}[{name}]." + line[2:]


def _by_name(field: str, items: list[object] | tuple[object, ...]) -> dict[str, object]:
    found: dict[str, object] = {}
    for item in items:
        assert isinstance(item, dict)
        found["/".join(str(item[key]) for key in _NAMES[field])] = item
    return found


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 160 else f"{text[:157]}..."
