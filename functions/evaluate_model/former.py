"""One former champion against the champion: what is kept of it, and what a label changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

STAKES = (0.1, 0.25, 0.5, 0.9)
"""Shares of the wealth, of which a bet's is the mean."""
RECENT = 50
"""Newest labels on which a former champion must keep to what its holdout promised."""
MOST = 1e300


@dataclass(frozen=True)
class Former:
    """A former champion against the champion.

    Attributes:
        sums: one for each of STAKES.
        labels: how many scored both.
        gained: sum of the champion's losses minus its own.
        recent: its newest losses.
        promised: the loss that it is to keep to on those; see `promise`.
    """

    version: int
    sums: tuple[float, ...] = (0.0,) * len(STAKES)
    labels: int = 0
    gained: float = 0.0
    recent: tuple[float, ...] = ()
    promised: float = 1.0

    @property
    def keeps_its_promise(self) -> bool:
        """Whether it does now what its holdout promised."""
        return len(self.recent) >= RECENT and sum(self.recent) <= self.promised * len(self.recent)

    @property
    def statistic(self) -> float:
        """The mean of the sums."""
        return sum(each / len(self.sums) for each in self.sums)


def observe_former(former: Former, margin: float, x: float, loss: float) -> Former:
    """Take in one label.

    Args:
        margin: by more than that it must be better.
        x: the champion's loss minus its own.
        loss: its own.
    """
    most = 1.0 / (1.0 + margin)  # a larger stake could lose more than there is
    sums = tuple(
        min((each + 1.0) * (1.0 + min(stake, most) * (x - margin)), MOST)
        for each, stake in zip(former.sums, STAKES, strict=True)
    )
    recent = (*former.recent, loss)[-RECENT:]
    return replace(former, sums=sums, labels=former.labels + 1, gained=former.gained + x, recent=recent)
