"""How much more the log may grow, on a disk that the test makes up."""

from __future__ import annotations

from pathlib import Path

import pytest

from knative.local.broker.disk_guard import HEADROOM, DiskGuard, bytes_of

MIB = 1 << 20


class Disk:
    """A made-up file system and clock, which count how often they are asked."""

    def __init__(self, folder: Path, free: int) -> None:
        self.free = free
        self.now = 0.0
        self.looks = 0
        self.checkpoints = 0
        self.frees = 0
        self.log = folder / "broker.db"
        self.guard = DiskGuard(self.log, self.checkpoint, free_bytes=self.free_bytes, clock=lambda: self.now)

    def free_bytes(self, folder: Path) -> int:
        assert folder == self.log.parent
        self.looks += 1
        return self.free

    def checkpoint(self) -> bool:
        self.checkpoints += 1
        self.free += self.frees
        return True


def test_events_leave_the_headroom_free(tmp_path: Path) -> None:
    disk = Disk(tmp_path, HEADROOM + 3 * MIB)

    assert [disk.guard.admits(2 * MIB), disk.guard.admits(2 * MIB), disk.guard.admits(MIB)] == [
        True,
        True,
        True,
    ]
    disk.free = HEADROOM
    assert [disk.guard.admits(2 * MIB), disk.guard.admits(1)] == [False, False]


def test_the_disk_is_asked_now_and_then_and_not_for_each_event(tmp_path: Path) -> None:
    disk = Disk(tmp_path, HEADROOM + 1024 * MIB)

    for _ in range(1_000):
        assert disk.guard.admits(bytes_of(b"", b"x" * 1_000))
    assert disk.looks == 1
    disk.now = 1.0
    assert disk.guard.admits(1)
    assert disk.looks == 2


def test_while_space_is_short_the_disk_is_not_asked_more_often(tmp_path: Path) -> None:
    disk = Disk(tmp_path, HEADROOM)

    assert not any(disk.guard.admits(MIB) for _ in range(1_000))
    assert (disk.looks, disk.checkpoints) == (2, 1)
    disk.free, disk.now = HEADROOM + 9 * MIB, 1.0
    assert disk.guard.admits(MIB)


def test_what_the_wal_holds_needs_its_space_in_the_file_too(tmp_path: Path) -> None:
    disk = Disk(tmp_path, HEADROOM + 2 * MIB)
    disk.log.with_name("broker.db-wal").write_bytes(b"x" * 2 * MIB)

    assert disk.guard.admits(MIB)

    assert disk.checkpoints == 1


def test_a_disk_that_cannot_be_asked_refuses_nothing(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 0)
    disk.guard = DiskGuard(disk.log, disk.checkpoint, free_bytes=lambda _: (tmp_path / "none").stat().st_size)

    assert disk.guard.admits(MIB)


@pytest.mark.parametrize("size", [0, 1, 4_000, 4_096, 100_000])
def test_an_event_is_never_counted_for_less_than_it_takes(size: int) -> None:
    assert bytes_of(b"x" * 300, b"x" * size) >= 2 * (300 + size)
