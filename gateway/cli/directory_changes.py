"""`accord directory add|revoke|rotate|grants|install`: the steps that change files."""

from datetime import UTC, datetime, time
from pathlib import Path

import click
import msgspec

from gateway.app import pki
from gateway.app.clock import wall_ms
from gateway.app.directory import Desk
from gateway.app.editions import encode_key_set, file_name, read_edition, read_unverified
from gateway.app.registration import REQUEST_BYTES_MAX, OpenedRequest, fingerprint, open_key_request, tables
from gateway.cli.failures import DATA_INVALID, CommandError
from gateway.cli.files import PUBLIC, make_folder, write, write_new
from gateway.cli.keys import read_authority
from gateway.cli.moments import Moment, spelled
from gateway.crypto.digests import decode_base64url
from gateway.crypto.grants import sign_grants, succeed
from gateway.crypto.keys import SecretKey, from_pem
from gateway.crypto.trust import sign_edition
from gateway.domain.directory import OFFICES, Grant, Grants, GrantsSuccession, Office, SignedGrants
from gateway.domain.label import LEVELS
from gateway.settings.directory import DirectorySource, GrantsFile
from gateway.settings.edition import DAY_MS
from gateway.settings.source import load, read_bytes, read_secret

FILE = click.Path(dir_okay=False, path_type=Path)
SOURCE = click.option("--source", type=FILE, default=Path("directory.toml"), show_default=True, help="directory.toml")


@click.command()
@click.argument("request", type=FILE)
@SOURCE
@click.option("--yes", is_flag=True, help="The fingerprint was compared with the authority already.")
@click.option("--clearance", type=click.Choice(LEVELS), help="The most that this link may carry.")
@click.option(
    "--office",
    "offices",
    multiple=True,
    type=click.Choice(tuple(OFFICES)),
    help="As what its signatory key signs; may be given several times.",
)
@click.option("--security-profile", help="The security profile that its endpoint was attested to meet today (code).")
@click.option("--supersede", is_flag=True, help="The authority's older keys of these roles are replaced by these.")
@click.option("--ca", type=click.Path(file_okay=False, path_type=Path), help="Folder with cert.pem and key.pem.")
@click.option("--certificate-out", type=FILE, help="With --ca: where the signed client certificate goes.")
def add(
    request: Path,
    source: Path,
    yes: bool,
    clearance: str | None,
    offices: tuple[Office, ...],
    security_profile: str | None,
    supersede: bool,
    ca: Path | None,
    certificate_out: Path | None,
) -> None:
    """List the keys of a REQUEST, once every key in it proved that its owner holds it."""
    if (ca is None) != (certificate_out is None):
        raise click.UsageError("--ca and --certificate-out go together")
    desk = Desk(source)
    listed = desk.read()
    raw = read_bytes(request, "key request", REQUEST_BYTES_MAX)
    opened = open_key_request(raw, listed.federation.network)
    _refuse_listed(opened, listed)
    registration = opened.registration
    click.echo(f"authority    {registration.authority}, request made {spelled(registration.at_ms)}")
    for offer in registration.keys:
        click.echo(f"{offer.role:<12} {offer.kid}")
    click.echo(f"{'tls':<12} {opened.spki_sha256}")
    click.echo(f"fingerprint  {fingerprint(raw)}")
    if not yes:
        click.confirm("Did the authority read you this fingerprint over another channel?", abort=True)
    at_ms = wall_ms()
    text = tables(opened, at_ms, clearance, offices, security_profile)
    if supersede:
        text += _superseded(opened, listed)
    if ca is not None and certificate_out is not None:
        certificate = pki.certify_request(read_authority(ca), opened.certificate_request, at_ms)
        write_new(certificate_out, certificate, PUBLIC)
        click.echo(f"{certificate_out}: the certificate, for {registration.authority}")
    _append(source, text)
    click.echo(f"{source}: listed; next: accord directory build --source {source} --key ...")


@click.command()
@SOURCE
@click.option("--key", help="The kid of a key.")
@click.option("--certificate", help="The SPKI digest of a client certificate.")
@click.option("--authority", help="A whole authority.")
@click.option("--superseded", is_flag=True, help="The key was replaced in good order: queued mail still goes.")
@click.option("--from", "from_ms", type=Moment(), help="Since when a compromised key is not believed [default: now].")
def revoke(
    source: Path, key: str | None, certificate: str | None, authority: str | None, superseded: bool, from_ms: int | None
) -> None:
    """Take back a key, a certificate or an authority; it counts from the next edition on."""
    named = {"key": key, "certificate": certificate, "authority": authority}
    chosen = {word: name for word, name in named.items() if name is not None}
    if len(chosen) != 1:
        raise click.UsageError("give exactly one of --key, --certificate, --authority")
    if superseded and key is None:
        raise click.UsageError("only a key can be superseded")
    desk = Desk(source)
    desk.read()
    word, name = next(iter(chosen.items()))
    since = datetime.fromtimestamp((wall_ms() if from_ms is None else from_ms) // 1000, UTC)
    status = "superseded" if superseded else "compromised"
    before = source.read_bytes()
    _append(
        source,
        f'\n[[revocations]]\n{word} = "{name}"\nstatus = "{status}"\ninvalid_from = {since:%Y-%m-%dT%H:%M:%SZ}\n',
    )
    try:
        desk.compile(wall_ms())
    except Exception:
        # A revocation of something that is not listed would block every later edition.
        write(source, before, PUBLIC)
        raise
    click.echo(f"{source}: {word} {name} is {status}; next: accord directory build --source {source} --key ...")


@click.command()
@SOURCE
@click.option("--threshold", type=click.IntRange(1, 16), required=True, help="How many of the new keys must sign.")
@click.option("--public", "publics", multiple=True, required=True, help="A public key of the new set (base64url).")
@click.option("--key", "keys", type=FILE, multiple=True, help="A private key of the old or the new set.")
def rotate(source: Path, threshold: int, publics: tuple[str, ...], keys: tuple[Path, ...]) -> None:
    """Change the key set: an edition that k of the old and k of the new keys must sign."""
    if threshold > len(set(publics)):
        raise click.UsageError("the threshold is higher than the number of keys")
    desk = Desk(source)
    before = source.read_bytes()
    write(source, _with_key_set(before.decode(), threshold, publics).encode(), PUBLIC)
    try:
        edition = desk.compile(wall_ms())
        if not desk.key_set_changed(edition):
            raise CommandError("this is the key set already", "give the new public keys", DATA_INVALID)
        raw = sign_edition(edition, read_directory_keys(keys))
        path = write_new(make_folder(desk.editions) / file_name(edition.number), raw, PUBLIC)
    except Exception:
        write(source, before, PUBLIC)
        raise
    settle(path, desk)


@click.command()
@click.argument("source", type=FILE)
@click.option("--key", type=FILE, required=True, help="The central node's private grants key.")
@click.option("--follows", "old", type=FILE, help="The private grants key until now; --key takes its place.")
@click.option("--out", type=FILE, required=True, help="The signed grants, for `grants.signed_file` of the directory.")
def grants(source: Path, key: Path, old: Path | None, out: Path) -> None:
    """Sign what the central node grants (SOURCE is its grants.toml); only its own key can."""
    file = load(source, GrantsFile).values
    at_ms = wall_ms()
    successions = _refuse_older(out, file.number) if out.exists() else ()
    own = from_pem("grants", read_secret(key, "grants key"))
    if old is not None:
        before = from_pem("grants", read_secret(old, "grants key until now"))
        successions = (*successions, succeed(file.network, own.public, before))
    signed = sign_grants(_grants(file, at_ms), own, successions)
    write(out, msgspec.json.encode(signed), PUBLIC)
    click.echo(f"{out}: grants {file.number} of {file.issuer}, good until {spelled(at_ms + file.valid_days * DAY_MS)}")


@click.command()
@click.argument("path", type=FILE)
@click.option("--config", type=FILE, required=True, help="The gateway's settings.")
def install(path: Path, config: Path) -> None:
    """Give the edition in PATH to a gateway, running or not, if the gateway would accept it."""
    from gateway.app.trusted import would_accept
    from gateway.settings.gateway import GatewaySettings

    settings = load(config, GatewaySettings, {}).values
    found = would_accept(settings, read_edition(path), wall_ms())
    write(Path(settings.directory.edition_file), found.raw, PUBLIC)
    click.echo(f"edition {found.edition.number} is in place; a running gateway takes it within a moment")


def read_directory_keys(paths: tuple[Path, ...]) -> tuple[SecretKey, ...]:
    """Return private directory keys.

    Raises:
        ConfigurationError: a file is missing or open to others.
        FormatError: a file is no such key.
    """
    return tuple(from_pem("directory", read_secret(path, "directory key")) for path in paths)


def settle(path: Path, desk: Desk) -> None:
    """Say who signed the edition in `path` and who still must; once complete, pin its key set at this desk."""
    found = read_unverified(read_edition(path))
    click.echo(f"{path}: edition {found.edition.number}, good until {spelled(found.edition.not_after_ms)}")
    click.echo(f"signed by {len(found.signers)}: {', '.join(found.signers) or 'nobody'}")
    missing = desk.missing_signatures(found)
    if missing:
        click.echo(f"needs {missing}: accord directory sign {path} --key ...")
        return
    click.echo("complete")
    if desk.key_set_changed(found.edition) or not desk.key_set.exists():
        write(desk.key_set, encode_key_set(found.edition.key_set), PUBLIC)
        click.echo(f"{desk.key_set}: the key set that new gateways and endpoints pin")


def _refuse_listed(opened: OpenedRequest, listed: DirectorySource) -> None:
    authority = opened.registration.authority
    if authority not in {entry.id for entry in listed.authorities}:
        raise CommandError(
            f"the directory has no authority `{authority}`", "add its [[authorities]] table first", DATA_INVALID
        )
    known = {entry.public for entry in listed.keys} | {entry.spki_sha256 for entry in listed.endpoints}
    twice = [offer.role for offer in opened.registration.keys if offer.public in known]
    if opened.spki_sha256 in known:
        twice.append("tls")
    if twice:
        raise CommandError(
            f"listed already: {', '.join(twice)}", "a key is registered once; make new ones", DATA_INVALID
        )


def _superseded(opened: OpenedRequest, listed: DirectorySource) -> str:
    roles = {offer.role for offer in opened.registration.keys}
    gone = {entry.key for entry in listed.revocations}
    return "".join(
        f'\n[[revocations]]\nkey = "{entry.kid}"\nstatus = "superseded"\n'
        for entry in listed.keys
        if entry.authority == opened.registration.authority and entry.role in roles and entry.kid not in gone
    )


def _append(source: Path, text: str) -> None:
    write(source, source.read_bytes().rstrip(b"\n") + b"\n" + text.encode(), PUBLIC)


def _with_key_set(text: str, threshold: int, publics: tuple[str, ...]) -> str:
    """Replace the `[key_set]` table; what stands around it, comments too, stays as it is."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.strip() == "[key_set]"), None)
    if start is None:
        raise CommandError("the source has no line `[key_set]`", "write the table under its own heading", DATA_INVALID)
    end = next((number for number in range(start + 1, len(lines)) if lines[number].startswith("[")), len(lines))
    kept = [line for line in lines[start + 1 : end] if line.startswith("#")]
    keys = ", ".join(f'"{public}"' for public in publics)
    table = ["[key_set]", f"threshold = {threshold}", f"keys = [{keys}]", "", *kept]
    return "\n".join([*lines[:start], *table, *lines[end:]]) + "\n"


def _refuse_older(out: Path, number: int) -> tuple[GrantsSuccession, ...]:
    """Return the successions of the grants in `out`, which the new ones go on with."""
    try:
        signed = msgspec.json.decode(out.read_bytes(), type=SignedGrants)
        before = msgspec.json.decode(decode_base64url(signed.h), type=Grants).number
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise CommandError(f"`{out}` is there and holds no grants", "give another --out", DATA_INVALID) from None
    if number <= before:
        raise CommandError(
            f"`{out}` holds grants {before}, the source says {number}",
            "raise `number`, they never go back",
            DATA_INVALID,
        )
    return signed.successions


def _grants(file: GrantsFile, at_ms: int) -> Grants:
    return Grants(
        v=1,
        network=file.network,
        number=file.number,
        issuer=file.issuer,
        issued_at_ms=at_ms,
        not_after_ms=at_ms + file.valid_days * DAY_MS,
        grants=tuple(
            Grant(
                authority=entry.authority,
                database=entry.database,
                level=entry.level,
                purposes=tuple(sorted(entry.purposes)),
                # The day itself still counts.
                expires_at_ms=int(datetime.combine(entry.expires_on, time(), UTC).timestamp() * 1000) + DAY_MS,
            )
            for entry in sorted(file.grants, key=lambda entry: (entry.authority, entry.database))
        ),
    )
