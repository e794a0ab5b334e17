"""Read an operator's TOML into a frozen struct; whatever is wrong names the file, the key and the remedy.

Layers, the last wins: defaults of the struct, the file, `conf.d/*.toml` beside it in lexical order,
the environment (`ACCORD__SECTION__KEY`). Keys that end in `_file` or `_folder` are paths: relative ones
count from the folder of the main file; a bare name that systemd holds as a credential is taken from there.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from msgspec import inspect

from gateway.domain.directory import RELAY_REMEDY
from gateway.domain.errors import ConfigurationError

PREFIX = "ACCORD__"
# What people run has no file of settings anywhere near this size.
SETTINGS_BYTES_MAX = 4 * 1024 * 1024

Settings = TypeVar("Settings", bound=msgspec.Struct)


class Loaded(msgspec.Struct, Generic[Settings], frozen=True):
    """Settings, the folder that relative paths count from, and which layer said what (by dotted key)."""

    values: Settings
    folder: Path
    origins: dict[str, str]


def load(path: Path, type_: type[Settings], environment: Mapping[str, str] | None = None) -> Loaded[Settings]:
    """Return the settings in `path`; with `environment`, `conf.d` and environment lie over the file.

    Raises:
        ConfigurationError: a file is missing or no TOML, a key is unknown, a value is out of its bounds.
    """
    merged: dict[str, object] = {}
    origins: dict[str, str] = {}
    for name, layer in _layers(path, type_, environment):
        refuse_unknown(name, layer, type_)
        _merge(merged, layer, name, (), origins)
    folder = path.resolve().parent
    _resolve_paths(merged, folder, (environment or {}).get("CREDENTIALS_DIRECTORY"))
    try:
        values = msgspec.convert(merged, type_)
    except msgspec.ValidationError as error:
        raise _explained(error, str(path), origins) from None
    return Loaded(values, folder, origins)


def read_bytes(path: Path, what: str, bytes_max: int = SETTINGS_BYTES_MAX) -> bytes:
    """Return the bytes of a file that the operator owes us; `what` says in one word group what it is.

    Raises:
        ConfigurationError: it is missing, unreadable, empty or larger than `bytes_max`.
    """
    try:
        if path.stat().st_size > bytes_max:
            raise ConfigurationError(f"{what} `{path}` is larger than {bytes_max} bytes", "give the right file")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"{what} `{path}` does not exist", "give the path of an existing file") from None
    except OSError as error:
        raise ConfigurationError(
            f"{what} `{path}` cannot be read: {error.strerror}", "give it to the user that runs accord"
        ) from None
    if not raw:
        raise ConfigurationError(f"{what} `{path}` is empty", "restore it from its source")
    return raw


def read_secret(path: Path, what: str) -> bytes:
    """Return the bytes of a private key that nobody else can read.

    Raises:
        ConfigurationError: as `read_bytes`; or group or others may touch the file.
    """
    raw = read_bytes(path, what, 65_536)
    mode = path.stat().st_mode & 0o777
    # systemd lends credentials by an access list, which shows as rights of the group; nobody else enters its folder.
    lent = os.environ.get("CREDENTIALS_DIRECTORY")
    if mode & 0o077 and (lent is None or path.parent != Path(lent)):
        raise ConfigurationError(f"{what} `{path}` has mode {mode:04o}: others can read it", f"run: chmod 600 {path}")
    return raw


def _layers(
    path: Path, type_: type[msgspec.Struct], environment: Mapping[str, str] | None
) -> Iterator[tuple[str, dict[str, object]]]:
    yield str(path), _parse(path)
    if environment is None:
        return
    for extra in sorted((path.resolve().parent / "conf.d").glob("*.toml")):
        yield str(extra), _parse(extra)
    for name in sorted(environment):
        if name.startswith(PREFIX):
            yield _from_environment(name, environment[name], type_)


def _parse(path: Path) -> dict[str, object]:
    raw = read_bytes(path, "settings file")
    try:
        return tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`{path}` is no TOML: {str(error).lower()}", "mend that line") from None


def _from_environment(name: str, text: str, type_: type[msgspec.Struct]) -> tuple[str, dict[str, object]]:
    keys = name.removeprefix(PREFIX).lower().split("__")
    field = _field(type_, tuple(keys))
    value: object = text
    if field is not None and not _takes_text(field):
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            raise ConfigurationError(
                f"environment variable `{name}`: `{text[:64]}` is no TOML value",
                "write it as the file would",
            ) from None
    for key in reversed(keys):
        value = {key: value}
    return f"environment variable {name}", value if isinstance(value, dict) else {}


def _merge(
    into: dict[str, object], layer: Mapping[str, object], name: str, at: tuple[str, ...], origins: dict[str, str]
) -> None:
    for key, value in layer.items():
        below = into.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            _merge(below, value, name, (*at, key), origins)
        elif isinstance(value, dict):
            fresh: dict[str, object] = {}
            into[key] = fresh
            _merge(fresh, value, name, (*at, key), origins)
        else:
            into[key] = value
            origins[".".join((*at, key))] = name


def refuse_unknown(
    name: str, layer: Mapping[str, object], type_: type[msgspec.Struct], at: tuple[str, ...] = ()
) -> None:
    """Return if every key of `layer` is a field of `type_`, at every depth.

    Raises:
        ConfigurationError: one is not; the remedy names the field that was probably meant.
    """
    known = _known(type_)
    for key, value in layer.items():
        path = ".".join((*at, key))
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.6)
            remedy = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
            raise ConfigurationError(f"{name}: unknown key `{path}`", remedy)
        struct = known[key]
        if struct is None:
            continue
        tables = value if isinstance(value, list) else [value]
        for number, table in enumerate(tables):
            if isinstance(table, dict):
                place = (*at, f"{key}[{number}]") if isinstance(value, list) else (*at, key)
                refuse_unknown(name, table, struct, place)


@cache
def _known(type_: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct] | None]:
    """The fields of a struct, each with the struct that it holds, if any."""
    return {field.encode_name: _struct(inspect.type_info(field.type)) for field in msgspec.structs.fields(type_)}


def _field(type_: type[msgspec.Struct], keys: tuple[str, ...]) -> inspect.Type | None:
    fields = {field.encode_name: inspect.type_info(field.type) for field in msgspec.structs.fields(type_)}
    found = fields.get(keys[0])
    if found is None or len(keys) == 1:
        return found
    struct = _struct(found)
    return None if struct is None else _field(struct, keys[1:])


def _struct(info: inspect.Type) -> type[msgspec.Struct] | None:
    """The struct that a value of this type consists of, alone, optional or in a list."""
    if isinstance(info, inspect.StructType):
        return info.cls
    if isinstance(info, inspect.UnionType):
        return next((found for part in info.types if (found := _struct(part))), None)
    if isinstance(info, inspect.VarTupleType | inspect.ListType):
        return _struct(info.item_type)
    return None


def _takes_text(info: inspect.Type) -> bool:
    if isinstance(info, inspect.UnionType):
        return any(_takes_text(part) for part in info.types)
    if isinstance(info, inspect.LiteralType):
        return all(isinstance(value, str) for value in info.values)
    return isinstance(info, inspect.StrType)


def _resolve_paths(table: dict[str, object], folder: Path, credentials: str | None) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            _resolve_paths(value, folder, credentials)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    _resolve_paths(item, folder, credentials)
        elif isinstance(value, str) and value and key.endswith(("_file", "_folder")):
            table[key] = str(_located(value, folder, credentials))


def _located(value: str, folder: Path, credentials: str | None) -> Path:
    # systemd's LoadCredential= names files without a folder; only such names are looked up there.
    if credentials and "/" not in value and (Path(credentials) / value).is_file():
        return Path(credentials) / value
    return folder / value


def _explained(error: msgspec.ValidationError, path: str, origins: Mapping[str, str]) -> ConfigurationError:
    text, _, place = str(error).partition(" - at `$")
    key = place.rstrip("`").lstrip(".")
    origin = origins.get(key, path)
    missing = text.removeprefix("Object missing required field ")
    if missing != text:
        key = f"{key}.{missing.strip('`')}".lstrip(".")
        return ConfigurationError(f"{origin}: key `{key}` is missing", "add it; config/gateway.toml explains every key")
    if text == "Invalid enum value 'relay'":
        return ConfigurationError(f"{origin}: key `{key}`: relay links are not in use", RELAY_REMEDY)
    return ConfigurationError(f"{origin}: key `{key}`: {text[0].lower()}{text[1:]}", "correct the value")
