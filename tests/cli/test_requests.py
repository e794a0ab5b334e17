"""Registering keys: nobody is listed who has not shown that he holds them, and no key under which anybody can forge."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.app.clock import wall_ms
from gateway.app.registration import KeyRequest, generate_keys, make_key_request
from gateway.crypto import canonical
from gateway.crypto.digests import decode_base64url, encode_base64url, key_id
from gateway.crypto.keys import generate
from gateway.domain.statement import KeyRegistration, SignedStatement
from tests.cli.demo_folder import Desk, call, said

NETWORK = "accord-demo"


@pytest.fixture
def applicant(tmp_path: Path) -> Path:
    """The keys of an authority that asks to be listed anew."""
    folder = tmp_path / "applicant"
    assert call("keys", "generate", "--authority", "cz-police", "--out", folder).exit_code == 0
    return folder


def ask(folder: Path, authority: str = "cz-police", network: str = NETWORK) -> Path:
    """Write the request for the keys in `folder`."""
    path = folder / f"{authority}-{network}.json"
    result = call(
        "keys", "request", "--authority", authority, "--network", network, "--keys", folder, "--out", path
    )  # fmt: skip
    assert result.exit_code == 0, said(result)
    return path


def add(desk: Desk, request: Path, *words: object) -> tuple[int, str]:
    """Run `directory add` for a request; return exit code and words."""
    result = call("directory", "add", request, "--source", desk.source, *(words or ("--yes",)))
    return result.exit_code, said(result)


def test_listed_authority_is_in_the_next_edition(desk: Desk, applicant: Path) -> None:
    """From keys to an edition that lists them, through the commands that people run."""
    certificate = applicant / "tls" / "cert.pem"
    code, text = add(
        desk, ask(applicant), "--yes", "--ca", desk.federation / "authority", "--certificate-out", certificate
    )
    assert code == 0, text
    desk.build()
    shown = said(call("directory", "show", desk.edition(2)))

    assert certificate.read_bytes().startswith(b"-----BEGIN CERTIFICATE")
    for path in (applicant / "keys").iterdir():
        kid = said(call("keys", "show", "--role", path.stem, path)).split()[1]
        assert f"{kid} {path.stem}" in shown


def test_both_sides_see_the_same_fingerprint(desk: Desk, applicant: Path) -> None:
    """What the authority reads out is what the keeper sees; whoever exchanges the request changes it."""
    path = applicant / "request.json"
    words = ["--authority", "cz-police", "--network", NETWORK, "--keys", applicant, "--out", path]
    told = said(call("keys", "request", *words)).splitlines()[-1].partition(": ")[2]
    _, seen = add(desk, path)
    _, other = add(desk, ask(applicant))

    assert f"fingerprint  {told}" in seen
    assert told not in other


def test_keeper_who_did_not_compare_lists_nobody(desk: Desk, applicant: Path) -> None:
    """Without the fingerprint read over another channel nothing is written."""
    before = desk.source.read_bytes()
    result = call("directory", "add", ask(applicant), "--source", desk.source, typed="n\n")

    assert result.exit_code == 1
    assert "another channel?" in result.output
    assert desk.source.read_bytes() == before


def test_superseded_keys_stay_listed(desk: Desk, applicant: Path) -> None:
    """New keys in good order: the old ones verify old evidence, and queued mail still goes."""
    add(desk, ask(applicant), "--yes", "--supersede")
    desk.build()
    shown = json.loads(said(call("directory", "show", "--json", desk.edition(2))))
    keys = next(entry["keys"] for entry in shown["authorities"] if entry["id"] == "cz-police")

    assert sorted(key["status"] for key in keys) == ["active"] * 6 + ["superseded"] * 6
    assert {key["invalid_from_ms"] for key in keys} == {None}


def test_refusals_of_a_request(desk: Desk, applicant: Path) -> None:
    """Another network, an authority nobody knows, a key that is listed already: each with its reason."""
    before = desk.source.read_bytes()
    assert add(desk, ask(applicant, network="other-net"))[1].count("network `other-net`") == 1
    code, text = add(desk, ask(applicant, authority="xx-police"))
    assert (code, "no authority `xx-police`" in text) == (65, True)
    assert desk.source.read_bytes() == before

    request = ask(applicant)
    assert add(desk, request)[0] == 0
    code, text = add(desk, request)
    assert (code, "listed already" in text) == (65, True)


Change = Callable[[SignedStatement], SignedStatement]


def _changed(change: Callable[[KeyRegistration], KeyRegistration]) -> Change:
    def apply(signed: SignedStatement) -> SignedStatement:
        registration = change(canonical.decode(signed.h, KeyRegistration))
        return SignedStatement(signed.t, canonical.encode(registration), signed.s)

    return apply


def _another_authority(registration: KeyRegistration) -> KeyRegistration:
    return msgspec.structs.replace(registration, authority="kz-mvd")


def _another_public(registration: KeyRegistration) -> KeyRegistration:
    stranger = generate("message")
    offers = [
        msgspec.structs.replace(offer, public=encode_base64url(stranger.public), kid=encode_base64url(stranger.kid))
        if offer.role == "message"
        else offer
        for offer in registration.keys
    ]
    return msgspec.structs.replace(registration, keys=tuple(sorted(offers, key=lambda offer: offer.kid)))


def _unsigned(signed: SignedStatement) -> SignedStatement:
    return SignedStatement(signed.t, signed.h, signed.s[1:])


def _swapped(signed: SignedStatement) -> SignedStatement:
    first, second, *rest = signed.s
    return SignedStatement(
        signed.t,
        signed.h,
        (msgspec.structs.replace(first, g=second.g), msgspec.structs.replace(second, g=first.g), *rest),
    )


@pytest.mark.parametrize(
    "change",
    [_changed(_another_authority), _changed(_another_public), _unsigned, _swapped],
    ids=["another-authority", "another-key", "signature-missing", "signatures-swapped"],
)
def test_key_without_proof_of_possession_is_not_listed(desk: Desk, applicant: Path, change: Change) -> None:
    """Every signing key has signed exactly this request: nobody lists another's key as his own."""
    before = desk.source.read_bytes()
    request = ask(applicant)
    given = msgspec.json.decode(request.read_bytes(), type=KeyRequest)
    signed = msgspec.msgpack.decode(decode_base64url(given.registration), type=SignedStatement)
    forged = encode_base64url(msgspec.msgpack.encode(change(signed)))
    request.write_bytes(msgspec.json.encode(msgspec.structs.replace(given, registration=forged)))
    code, text = add(desk, request)

    assert code == 65, text
    assert "remedy" in text
    assert desk.source.read_bytes() == before


# The eight points of small order and their non-canonical spellings (reference/reliability.md, E6).
SMALL_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000080",
)


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_threat_E6_weak_key_is_not_listed(desk: Desk, applicant: Path, public: str) -> None:
    """A key of small order, under which anybody can forge, gets neither through `add` nor past the source (E6)."""
    raw = bytes.fromhex(public)
    request = ask(applicant)
    given = msgspec.json.decode(request.read_bytes(), type=KeyRequest)
    signed = msgspec.msgpack.decode(decode_base64url(given.registration), type=SignedStatement)
    registration = canonical.decode(signed.h, KeyRegistration)
    offers = [
        msgspec.structs.replace(offer, public=encode_base64url(raw), kid=encode_base64url(key_id("message", raw)))
        if offer.role == "message"
        else offer
        for offer in registration.keys
    ]
    weak = msgspec.structs.replace(registration, keys=tuple(sorted(offers, key=lambda offer: offer.kid)))
    forged = msgspec.msgpack.encode(SignedStatement(signed.t, canonical.encode(weak), signed.s))
    changed = msgspec.structs.replace(given, registration=encode_base64url(forged))
    request.write_bytes(msgspec.json.encode(changed))

    assert add(desk, request)[0] == 65
    desk.append(
        f'\n[[keys]]\nauthority = "cz-police"\nrole = "message"\nkid = "{encode_base64url(key_id("message", raw))}"\n'
        f'public = "{encode_base64url(raw)}"\nnot_before = 2026-01-01T00:00:00Z\nnot_after = 2030-01-01T00:00:00Z\n'
    )
    assert desk.build().exit_code == 65
    assert not desk.edition(2).exists()


def test_certificate_of_another_key_is_not_listed(desk: Desk, applicant: Path, tmp_path: Path) -> None:
    """The TLS key is part of what was signed: nobody attaches his own certificate to another's request."""
    request = ask(applicant)
    call("keys", "generate", "--authority", "cz-police", "--out", tmp_path / "thief")
    thief = msgspec.json.decode(ask(tmp_path / "thief").read_bytes(), type=KeyRequest)
    given = msgspec.json.decode(request.read_bytes(), type=KeyRequest)
    mixed = msgspec.structs.replace(given, certificate_request=thief.certificate_request)
    request.write_bytes(msgspec.json.encode(mixed))
    code, text = add(desk, request)

    assert (code, "is not for the TLS key that the registration names" in text) == (65, True)


def test_roles_that_no_authority_has_are_not_listed(desk: Desk, applicant: Path) -> None:
    """A directory or grants key cannot be slipped in as an authority's."""
    tls = (applicant / "tls" / "key.pem").read_bytes()
    keys = (*generate_keys(), generate("grants"))
    request = applicant / "request.json"
    request.write_bytes(make_key_request(NETWORK, "cz-police", keys, tls, wall_ms()))
    code, text = add(desk, request)

    assert (code, "no key of role `grants`" in text) == (65, True)


@pytest.mark.parametrize("content", [b"{}", b"[" * 5_000, b'{"accord":"key-request"}', b"\xff\xfe", b"x" * 300_000])
def test_file_that_is_no_request_is_refused(desk: Desk, tmp_path: Path, content: bytes) -> None:
    """Whatever was sent instead of a request ends in an exit code and words."""
    path = tmp_path / "request.json"
    path.write_bytes(content)
    code, text = add(desk, path)

    assert code in (65, 78)
    assert "remedy" in text


def test_keys_are_never_overwritten(applicant: Path) -> None:
    """A second `generate` in the same place destroys nothing."""
    before = {path: path.read_bytes() for path in applicant.rglob("*.pem")}
    result = call("keys", "generate", "--authority", "cz-police", "--out", applicant)

    assert result.exit_code == 73
    assert {path: path.read_bytes() for path in applicant.rglob("*.pem")} == before
