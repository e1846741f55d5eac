"""A record of what SQLite writes and when it forces that to the disk; and the disk after a power loss.

The recorder stands between SQLite and its own VFS (https://sqlite.org/vfs.html), in the process under test.
It writes plainly: that survives `kill -9`, as the system has it. Replaying the record up to the last time
that each file was forced to the disk gives the files that a power loss at that moment would have left; of
later writes the disk may have any.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_POINTER = ctypes.c_void_p
_HEAD = struct.Struct("<cHqq")  # what, length of the path, offset or size, length of the content
_kept: list[Any] = []  # SQLite holds pointers to these


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, up to version 3."""

    _fields_ = [("version", ctypes.c_int)] + [
        (name, _POINTER)
        for name in (
            "close",
            "read",
            "write",
            "truncate",
            "sync",
            "size",
            "lock",
            "unlock",
            "is_reserved",
            "control",
            "sector",
            "characteristics",
            "shm_map",
            "shm_lock",
            "shm_barrier",
            "shm_unmap",
            "fetch",
            "unfetch",
        )
    ]


class _File(ctypes.Structure):
    """sqlite3_file: the rest belongs to SQLite's own VFS."""

    _fields_ = [("methods", ctypes.POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("max_path", ctypes.c_int),
        ("next", _POINTER),
        ("name", ctypes.c_char_p),
        ("data", _POINTER),
        *((name, _POINTER) for name in ("open", "delete", "access", "full_path")),
        *((name, _POINTER) for name in ("dl_open", "dl_error", "dl_sym", "dl_close", "random", "sleep")),
        *((name, _POINTER) for name in ("time", "last_error", "time64", "set_call", "get_call", "next_call")),
    ]


_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int, _POINTER, ctypes.c_char_p, ctypes.POINTER(_File), ctypes.c_int, _POINTER
)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_char_p, ctypes.c_int)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_File), _POINTER, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_File), ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_File), ctypes.c_int)


def record_writes(record: Path) -> None:
    """Have SQLite, in this process, record its writes from now on.

    Raises:
        AttributeError: this Python's SQLite gives nobody access to its VFS.
    """
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    own = library.sqlite3_vfs_find(None).contents
    recorder = _Recorder(own, os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    vfs = _Vfs.from_buffer_copy(own)
    vfs.name, vfs.next = b"recorded", None
    opened, deleted = _OPEN(recorder.open), _DELETE(recorder.delete)
    vfs.open, vfs.delete = (ctypes.cast(each, _POINTER) for each in (opened, deleted))
    _kept.extend([vfs, opened, deleted, recorder])
    library.sqlite3_vfs_register(ctypes.byref(vfs), 1)


class _Recorder:
    def __init__(self, own: _Vfs, record: int) -> None:
        self._open = _OPEN(own.open)
        self._delete = _DELETE(own.delete)
        self._record = record
        self._paths: dict[int, bytes] = {}
        self._methods: dict[int, tuple[Any, ...]] = {}

    def open(self, vfs: Any, name: bytes, file: Any, flags: int, out: Any) -> int:
        code = int(self._open(vfs, name, file, flags, out))
        if code == 0 and name:
            self._paths[ctypes.addressof(file.contents)] = bytes(name)
            file.contents.methods = ctypes.pointer(self._recorded(file.contents.methods.contents))
        return code

    def delete(self, vfs: Any, name: bytes, sync: int) -> int:
        code = int(self._delete(vfs, name, sync))
        self._note(b"D", name, 0)
        return code

    def _recorded(self, own: _Methods) -> _Methods:
        """Return the methods of a file with those that change it replaced."""
        key = ctypes.addressof(own)
        if key not in self._methods:
            write, truncate, sync = _WRITE(own.write), _TRUNCATE(own.truncate), _SYNC(own.sync)

            def wrote(file: Any, content: int, size: int, offset: int) -> int:
                self._note(b"W", self._path(file), offset, ctypes.string_at(content, size))
                return int(write(file, content, size, offset))

            def truncated(file: Any, size: int) -> int:
                self._note(b"T", self._path(file), size)
                return int(truncate(file, size))

            def synced(file: Any, flags: int) -> int:
                code = int(sync(file, flags))
                self._note(b"S", self._path(file), 0)
                return code

            made = _WRITE(wrote), _TRUNCATE(truncated), _SYNC(synced)
            methods = _Methods.from_buffer_copy(own)
            methods.write, methods.truncate, methods.sync = (ctypes.cast(each, _POINTER) for each in made)
            self._methods[key] = (methods, *made)
        found: _Methods = self._methods[key][0]
        return found

    def _path(self, file: Any) -> bytes:
        return self._paths[ctypes.addressof(file.contents)]

    def _note(self, what: bytes, path: bytes, number: int, content: bytes = b"") -> None:
        os.write(self._record, _HEAD.pack(what, len(path), number, len(content)) + path + content)


@dataclass(frozen=True)
class Write:
    """One entry: `W` a write, `T` a truncation, `S` all before it is on the disk, `D` a deletion."""

    what: str
    path: Path
    number: int
    content: bytes


def read_writes(record: Path) -> Iterator[Write]:
    """Yield what a record holds, up to an entry that was cut off."""
    data = record.read_bytes()
    at = 0
    while at + _HEAD.size <= len(data):
        what, name, number, size = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + name + size
        if end > len(data):
            return
        path = data[at + _HEAD.size : at + _HEAD.size + name].decode()
        yield Write(what.decode(), Path(path), number, data[end - size : end])
        at = end


def after_power_loss(record: Path, folder: Path, seed: int | None = None) -> None:
    """Make the files that a power loss would have left, in another folder.

    Args:
        record: of all writes since the files were made.
        folder: where to.
        seed: decides which of the writes since the last time a file was forced to the disk reached it; none
            of them if None.
    """
    chance = random.Random(seed)
    writes = list(read_writes(record))
    safe = {write.path: number for number, write in enumerate(writes) if write.what == "S"}
    for number, write in enumerate(writes):
        target = folder / write.path.name
        if write.what == "S" or (
            number > safe.get(write.path, -1) and (seed is None or chance.random() < 0.5)
        ):
            continue
        if write.what == "D":
            target.unlink(missing_ok=True)
            continue
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT)
        if write.what == "T":
            os.ftruncate(descriptor, write.number)
        else:
            os.pwrite(descriptor, write.content, write.number)
        os.close(descriptor)
