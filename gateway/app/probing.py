"""Ask a gateway whether it knows us, and say in plain words what TLS keeps to itself.

Under TLS 1.3 a client has finished its handshake before the server looks at its certificate, so a refusal
shows later, as a connection that dies (reliability.md 4.2; threat N4). One small request brings it out.
"""

import http.client
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gateway.app import pki
from gateway.app.checking import Found
from gateway.app.editions import read_key_set, read_unverified
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import from_pem
from gateway.crypto.trust import SIGNED_EDITION_BYTES_MAX, verify_edition
from gateway.domain.directory import Directory, Edition
from gateway.domain.errors import FormatError, GatewayError, TrustError
from gateway.endpoint.journal import DATABASE
from gateway.settings.endpoint import EndpointSettings, KeyFile
from gateway.settings.source import read_bytes, read_secret
from gateway.store.sqlite.connection import open_for_reading
from gateway.wire.problems import ProblemBody
from gateway.wire.tls import Identity, client_context, spki_sha256

TIMEOUT_S = 10.0
DIRECTORY_PATH = "/v1/directory"
DEFAULT_PORT = 443

_NOT_OURS = "check the address and tls.authority_file; if both are right, somebody is in between: tell the keepers"


def probe(settings: EndpointSettings, url: str, at_ms: int) -> Iterator[Found]:
    """Yield what a gateway makes of this endpoint: address, its key, our certificate, our keys in its edition."""
    tls = settings.tls
    files = Identity(Path(tls.certificate_file), Path(tls.key_file), Path(tls.authority_file))
    ours = pki.certificate_spki_sha256(read_bytes(files.certificate, "certificate"))
    address = urlsplit(url)
    connection = http.client.HTTPSConnection(
        address.hostname or "",
        address.port or DEFAULT_PORT,
        timeout=TIMEOUT_S,
        context=client_context(files, None),
    )
    shaken = False
    try:
        yield _connected(connection, settings, url)
        shaken = True
        connection.request("GET", DIRECTORY_PATH, headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(SIGNED_EDITION_BYTES_MAX + 1)
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message.lower()
        yield Found("gateway", "untrusted", f"its certificate is not one of our CA for this name: {reason}", _NOT_OURS)
        return
    except (ssl.SSLError, http.client.HTTPException, ConnectionError) as error:
        yield _cut_off(error, files, at_ms) if shaken else _unreachable(error)
        return
    except OSError as error:
        yield _unreachable(error)
        return
    except TrustError as error:
        yield Found("gateway", "untrusted", str(error), _NOT_OURS)
        return
    finally:
        connection.close()
    if answer.status != 200:
        yield _turned_away(answer.status, body, ours, newest_known(settings))
        return
    yield Found("certificate", "ok", f"the gateway lets {ours} in")
    yield from _edition(settings, body, ours, at_ms)


def _connected(connection: http.client.HTTPSConnection, settings: EndpointSettings, url: str) -> Found:
    """Finish the handshake and compare the gateway's key with the pinned one.

    Raises:
        TrustError: it is another key; nothing has been sent.
    """
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    shown = connection.sock.getpeercert(binary_form=True)
    pinned = next((entry.spki_sha256 for entry in settings.gateways if entry.url == url.rstrip("/")), None)
    found = spki_sha256(shown or b"")
    if pinned is None:
        known = ", ".join(entry.url for entry in settings.gateways)
        return Found("gateway", "warning", f"it shows key {found}; `{url}` is not in endpoint.toml", f"known: {known}")
    if found != pinned:
        raise TrustError(f"it shows key {found}, endpoint.toml pins {pinned}")
    return Found("gateway", "ok", f"{connection.sock.version()}, the pinned key")


def _unreachable(error: Exception) -> Found:
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return Found("gateway", "unavailable", f"it cannot be reached: {reason}", "check address, port, firewall")


def _cut_off(error: Exception, files: Identity, at_ms: int) -> Found:
    """Explain a connection that died after its handshake: the server has looked at our certificate only then.

    Few servers send the alert that says why (asyncio closes without), so our own certificate is looked at.
    """
    alert = str(getattr(error, "reason", None) or "without a word").lower().replace("_", " ")
    certificate = pki.load_certificate(read_bytes(files.certificate, "certificate"))
    authority = pki.load_certificate(read_bytes(files.authority, "certificate authority"))
    why, remedy = "nothing is wrong with it here", "ask the gateway's operator for its log of this moment"
    if not certificate.not_valid_before_utc <= moment(at_ms) < certificate.not_valid_after_utc:
        why, remedy = "it is out of date", "have a new one issued; check the clock"
    elif not pki.is_issued_by(certificate, authority):
        why, remedy = "the federation's CA did not sign it", "have it signed: accord keys request"
    return Found("certificate", "refused", f"the gateway turned your certificate away ({alert}): {why}", remedy)


def _turned_away(status: int, body: bytes, ours: str, known: Edition | None) -> Found:
    try:
        problem = msgspec.json.decode(body, type=ProblemBody)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Found("gateway", "unavailable", f"it answered {status} and no problem of Accord", "check the address")
    if status not in (401, 403):
        detail = f"{problem.title} ({status}) {problem.detail or ''}".rstrip()
        return Found("gateway", "unavailable", detail, problem.remedy)
    detail = problem.detail or "your certificate is not in the edition that the gateway has in force"
    if known is not None:
        listed = any(entry.spki_sha256 == ours for authority in known.authorities for entry in authority.endpoints)
        detail += f"; edition {known.number}, the newest known here, lists {'it' if listed else 'it neither'}"
    return Found("certificate", "refused", f"{detail} (key {ours})", problem.remedy)


def newest_known(settings: EndpointSettings) -> Edition | None:
    """Return the newest edition that this endpoint has on its own disk; None where there is none to be read."""
    path = Path(settings.data_folder) / DATABASE
    if not path.exists():
        return None
    try:
        with closing(open_for_reading(path)) as connection:
            row = connection.execute("SELECT raw FROM edition ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else read_unverified(row[0]).edition
    except (sqlite3.Error, GatewayError):
        # Only a hint is lost.
        return None


def _edition(settings: EndpointSettings, raw: bytes, ours: str, at_ms: int) -> Iterator[Found]:
    try:
        number = read_unverified(raw).edition.number
        directory = verify_edition(
            raw,
            network=settings.network,
            pinned=read_key_set(Path(settings.trust.key_set_file)),
            previous=None,
            grants_public=None,
            grants_number_min=0,
            at_ms=at_ms,
        )
    except (TrustError, FormatError) as error:
        yield Found("edition", "untrusted", str(error), "compare key-set.json with whoever keeps the directory")
        return
    yield Found("edition", "ok", f"{number}, signed by enough of the pinned directory keys")
    yield _authority(directory, settings, ours)
    for key in settings.keys:
        yield _key(directory, settings, key, at_ms)


def _authority(directory: Directory, settings: EndpointSettings, ours: str) -> Found:
    number = directory.edition.number
    found = directory.endpoints.get(ours)
    if found is None:
        return Found("certificate", "refused", f"your certificate is not in edition {number}", "accord directory add")
    authority, endpoint = found
    if authority.id != settings.authority:
        detail = (
            f"edition {number} lists your certificate for `{authority.id}`, endpoint.toml says `{settings.authority}`"
        )
        return Found("authority", "configuration", detail, "set `authority`, or use the certificate of this authority")
    return Found("authority", "ok", f"{authority.id} of {authority.party}, this link up to {endpoint.clearance}")


def _key(directory: Directory, settings: EndpointSettings, key: KeyFile, at_ms: int) -> Found:
    secret = from_pem(key.role, read_secret(Path(key.key_file), f"{key.role} key"))
    kid, number = encode_base64url(secret.kid), directory.edition.number
    listed = directory.keys.get(secret.kid)
    name = f"{key.role} key"
    if listed is None or listed.authority.id != settings.authority:
        return Found(name, "refused", f"your key {kid} is not in edition {number}", "accord keys request")
    if not directory.accepts_key(listed, at_ms):
        return Found(name, "refused", f"your key {kid} is {listed.entry.status} or out of date", "accord keys generate")
    return Found(name, "ok", f"{kid} is listed")


def moment(at_ms: int) -> datetime:
    """Return a time of ours as the library of certificates has it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
