"""A check of a rollout, whose work takes time."""

from __future__ import annotations

import pytest

from .conftest import Court


def test_a_verdict_has_the_time_at_which_it_is_given_however_long_the_log_took_to_read(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    court.start()
    court.shadow(1, 500, 0.1, 0.9)
    read = court.world.store.get

    def read_slowly(uri: str, sha256: str | None = None) -> bytes:
        court.world.now = court.world.after(40)
        return read(uri, sha256)

    monkeypatch.setattr(court.world.store, "get", read_slowly)
    verdict = court.joined(12)

    assert verdict is not None
    assert verdict.time == court.world.after(40)
