"""What an operator writes is read whole or refused with file, key and remedy."""

from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from gateway.domain.errors import ConfigurationError
from gateway.settings.source import load, read_bytes, read_secret


class Listen(Struct, frozen=True, forbid_unknown_fields=True):
    """A table."""

    port: Annotated[int, Meta(ge=1, le=65_535)]
    name: str = "links"


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One of a list of tables."""

    id: str


class Example(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings as any part may define them."""

    listen: Listen
    key_file: str = ""
    data_folder: str = ""
    entries: tuple[Entry, ...] = ()


GOOD = "[listen]\nport = 1\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A settings file with nothing but what must be there."""
    found = tmp_path / "example.toml"
    found.write_text(GOOD)
    return found


def test_layers_lie_over_one_another(path: Path) -> None:
    """File, then conf.d in lexical order, then the environment; each value knows where it came from."""
    folder = path.parent / "conf.d"
    folder.mkdir()
    (folder / "20.toml").write_text('[listen]\nport = 3\nname = "b"\n')
    (folder / "10.toml").write_text('[listen]\nport = 2\nname = "a"\n')
    found = load(path, Example, {"ACCORD__LISTEN__PORT": "4", "PATH": "/bin"})

    assert found.values.listen == Listen(port=4, name="b")
    assert found.origins["listen.port"] == "environment variable ACCORD__LISTEN__PORT"
    assert found.origins["listen.name"] == str(folder / "20.toml")


def test_without_environment_only_the_file_counts(path: Path) -> None:
    """A directory source is what its file says, on whatever machine it is read."""
    (path.parent / "conf.d").mkdir()
    (path.parent / "conf.d" / "10.toml").write_text("[listen]\nport = 2\n")

    assert load(path, Example).values.listen.port == 1


def test_text_from_the_environment_stays_text(path: Path) -> None:
    """A name that looks like a number is still a name."""
    assert load(path, Example, {"ACCORD__LISTEN__NAME": "007"}).values.listen.name == "007"


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("[listen]\nprot = 1\n", "unknown key `listen.prot`", "did you mean `port`?"),
        (GOOD + "[[entries]]\nname = 'a'\n", "unknown key `entries[0].name`", "known here: id"),
        ("[listen]\nport = 70000\n", "key `listen.port`: expected `int` <= 65535", "correct the value"),
        ("[listen]\nport = '1'\n", "key `listen.port`: expected `int`, got `str`", "correct the value"),
        ("[listen]\nname = 'a'\n", "key `listen.port` is missing", "add it"),
        ("listen = 3\n", "key `listen`: expected `object`", "correct the value"),
        ("[listen\n", "is no TOML", "mend that line"),
        ("", "is empty", "restore it"),
    ],
)
def test_mistakes_name_file_key_and_remedy(path: Path, text: str, what: str, remedy: str) -> None:
    """An operator reads what is wrong, where, and what to do, without a traceback."""
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path, Example)

    assert what in caught.value.what
    assert str(path) in caught.value.what
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("ACCORD__LISTEN__POTR", "1", "unknown key `listen.potr`"),
        ("ACCORD__LISTEN__PORT", "one", "`one` is no TOML value"),
        ("ACCORD__LISTEN__PORT", "0", "key `listen.port`: expected `int` >= 1"),
    ],
)
def test_mistakes_in_the_environment_name_the_variable(path: Path, name: str, value: str, what: str) -> None:
    """A variable is held to the same rules as the file, and is the one that is named."""
    with pytest.raises(ConfigurationError) as caught:
        load(path, Example, {name: value})

    assert what in caught.value.what
    assert name in caught.value.what


def test_paths_count_from_the_file(path: Path) -> None:
    """Where the process was started from does not matter; absolute paths stay."""
    path.write_text('key_file = "key.pem"\ndata_folder = "/var/lib/x"\n' + GOOD)
    found = load(path, Example).values

    assert found.key_file == str(path.parent / "key.pem")
    assert found.data_folder == "/var/lib/x"


def test_bare_name_is_taken_from_the_credentials(path: Path, tmp_path: Path) -> None:
    """A key that systemd holds is found by its bare name, and nowhere else if it is not there."""
    path.write_text('key_file = "key.pem"\n' + GOOD)
    held = tmp_path / "credentials"
    held.mkdir()
    environment = {"CREDENTIALS_DIRECTORY": str(held)}

    assert load(path, Example, environment).values.key_file == str(path.parent / "key.pem")
    (held / "key.pem").write_text("x")
    assert load(path, Example, environment).values.key_file == str(held / "key.pem")


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is a mistake of configuration, not a crash."""
    with pytest.raises(ConfigurationError, match="does not exist"):
        load(tmp_path / "no.toml", Example)


def test_oversize_file_is_refused_unread(tmp_path: Path) -> None:
    """Whatever somebody put in the place of a small file is not read into memory."""
    path = tmp_path / "big"
    path.write_bytes(b"x" * 101)

    with pytest.raises(ConfigurationError, match="larger than 100 bytes"):
        read_bytes(path, "file", 100)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_private_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A key whose mode lets anybody else in is as good as published; the remedy is a command to copy."""
    path = tmp_path / "key.pem"
    path.write_bytes(b"secret")
    path.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        read_secret(path, "message key")

    assert f"{mode:04o}" in caught.value.what
    assert caught.value.remedy == f"run: chmod 600 {path}"


def test_private_key_of_its_owner_alone_is_read(tmp_path: Path) -> None:
    """Modes 0600 and 0400 are fine."""
    path = tmp_path / "key.pem"
    path.write_bytes(b"secret")
    for mode in (0o600, 0o400):
        path.chmod(mode)
        assert read_secret(path, "message key") == b"secret"
