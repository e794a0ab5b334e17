"""What a disk may hold when the power goes: rebuilt from the calls that a program made, by what POSIX promises.

What was synced is there. Of what was not, any part may be there, sector by sector, in any order; a name is there
for certain once its directory was synced.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SECTOR_BYTES = 512
CALLS = "openat,pwrite64,pwritev,pwritev2,write,ftruncate,fsync,fdatasync,unlink,unlinkat,rename,renameat,renameat2"

_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)", re.DOTALL)
_BEGUN = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$", re.DOTALL)
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
_FILE = re.compile(r"^\d+<([^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Call(NamedTuple):
    """One call that succeeded: its name, the file or directory, and what was asked."""

    name: str
    path: str
    data: bytes = b""
    offset: int = 0


def read_trace(text: str) -> Iterator[Call]:
    """Return the calls of a trace (`strace -f -y -xx`), in the order in which they came back."""
    begun: dict[str, str] = {}
    for line in text.splitlines():
        if match := _BEGUN.match(line):
            begun[match[1]] = f"{match[1]} {match[2]}({match[3]}"
            continue
        if match := _RESUMED.match(line):
            line = begun.pop(match[1]) + match[3]
        found = _LINE.match(line)
        if found is not None and int(found[3]) >= 0:
            yield from _call(found[1], found[2], int(found[3]))


def _call(name: str, words: str, result: int) -> Iterator[Call]:
    texts = [_bytes(text) for text in _TEXT.findall(words)]
    if name == "openat":
        if "O_CREAT" in words:
            yield Call("create", texts[0].decode())
        return
    if name == "unlink":
        yield Call("unlink", texts[0].decode())
        return
    assert not name.startswith(("unlink", "rename")), f"`{name}` is not foreseen"
    file = _FILE.match(words)
    assert file is not None, words[:200]
    path = _bytes(file[1]).decode()
    if name.startswith("pwrite"):
        # The data may hold anything; the offset is the first number after it that is no count.
        numbers = [int(word) for word in re.findall(r", (\d+)", re.sub(r"\[.*\]", "", _TEXT.sub("", words)))]
        offset = numbers[-1] if name == "pwrite64" else numbers[1]
        data = b"".join(texts)
        assert len(data) == result, "a write that the trace does not show in full"
        yield Call("write", path, data, offset)
    elif name == "ftruncate":
        yield Call("truncate", path, offset=int(words.rsplit(", ", 1)[1]))
    elif name == "write":
        yield Call("say", path, texts[0])
    else:
        yield Call("sync", path)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


class Inode:
    """The content of a file: what is certain, and the writes that were not synced."""

    def __init__(self) -> None:
        """Begin empty."""
        self._certain = b""
        self._pending: list[Call] = []

    def write(self, call: Call) -> None:
        """Take a write or a truncation."""
        self._pending.append(call)

    def sync(self) -> None:
        """Make all writes certain."""
        self._certain = _applied(self._certain, self._pending)
        self._pending.clear()

    def after_a_cut(self, chance: random.Random) -> bytes:
        """Return what is found: of the writes under way nothing, everything, or some sectors of each."""
        mood = chance.choice(("nothing", "everything", "some"))
        kept = self._pending if mood == "everything" else []
        if mood == "some":
            kept = [part for call in self._pending for part in _torn(call, chance)]
        return _applied(self._certain, kept)


class Disk:
    """The files of one folder. Under each name: what it certainly stands for, then what it has stood for since."""

    def __init__(self, folder: Path, obeys: bool = True) -> None:
        """Start empty; a disk that does not obey takes a sync for a hint."""
        self._folder = str(folder)
        self._obeys = obeys
        self._names: dict[str, list[Inode | None]] = {}

    def take(self, call: Call) -> None:
        """Take one call of the program."""
        if call.path == self._folder and call.name == "sync" and self._obeys:
            self._names = {name: states[-1:] for name, states in self._names.items()}
        if not call.path.startswith(self._folder + "/"):
            return
        states = self._names.setdefault(call.path.removeprefix(self._folder + "/"), [None])
        inode = states[-1]
        if call.name == "unlink":
            states.append(None)
        elif inode is None:
            states.append(Inode())
        elif call.name in ("write", "truncate"):
            inode.write(call)
        elif call.name == "sync" and self._obeys:
            inode.sync()

    def after_a_cut(self, chance: random.Random) -> dict[str, bytes]:
        """Return the files as they may be found."""
        found = {name: chance.choice(states) for name, states in self._names.items()}
        return {name: inode.after_a_cut(chance) for name, inode in found.items() if inode is not None}


def _torn(call: Call, chance: random.Random) -> Iterator[Call]:
    """Return the sectors of a write that reached the disk."""
    if call.name == "truncate":
        if chance.random() < 0.5:
            yield call
        return
    whole = chance.random() < 0.5
    for start in range(0, len(call.data), SECTOR_BYTES):
        if chance.random() < (0.9 if whole else 0.3):
            yield Call("write", call.path, call.data[start : start + SECTOR_BYTES], call.offset + start)


def _applied(content: bytes, calls: list[Call]) -> bytes:
    changed = bytearray(content)
    for call in calls:
        if call.name == "truncate":
            changed = changed[: call.offset].ljust(call.offset, b"\x00")
        else:
            end = call.offset + len(call.data)
            changed = changed.ljust(end, b"\x00")
            changed[call.offset : end] = call.data
    return bytes(changed)
