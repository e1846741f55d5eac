"""A fixed point against creep: twenty promotions, each worse by less than the margin, must not add up.

The anchor is a former champion, at first the oldest. Whoever is champion is held against it, label by label,
and here the sums go on from champion to champion, so that a chain of them is held against it, too. It takes
part in the pool: once the chain is worse than the anchor by more than the margin, the anchor serves again.

It gives its place up to a champion that is shown to be better, by a bet that starts at 1 with each champion
and must win (k pi)^2 / 6 alpha with the k-th. These chances sum to alpha, so with a chance of 1 - alpha the
anchor never becomes worse, for all time (Feng, Emerson & Simon, Biometrics 77, 2021, arXiv 1912.12413, on why
approvals need an anchor).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from functions.evaluate_model.former import MOST, STAKES, Former, observe_former


@dataclass(frozen=True)
class Anchor:
    """The anchor against the champions since.

    Attributes:
        former: the anchor, held against whoever was champion.
        wealth: of the bets that the champion of now is better, one for each of STAKES.
        champions: how many have been held against an anchor.
    """

    former: Former
    wealth: tuple[float, ...] = (1.0,) * len(STAKES)
    champions: int = 0


def next_champion(anchor: Anchor | None, champion: int, before: Sequence[int]) -> Anchor | None:
    """Return the anchor as a new champion is held against it; None where there was no champion before.

    Args:
        before: former champions, newest first; without an anchor the last of them becomes it.
    """
    champions = 0 if anchor is None else anchor.champions
    version = None if anchor is None else anchor.former.version
    if anchor is None or version not in (champion, *before):
        if not before:
            return None
        anchor = Anchor(Former(before[-1]))
    elif version == champion:  # it serves again: what is held against its successors starts anew
        anchor = Anchor(Former(champion))
    return replace(anchor, wealth=(1.0,) * len(STAKES), champions=champions + 1)


def observe_anchor(
    anchor: Anchor, champion: int, loss: float, losses: Mapping[int, float], *, margin: float, alpha: float
) -> Anchor:
    """Take in one label; the champion becomes the anchor when it is shown to be better.

    Args:
        loss: the champion's.
        losses: of former champions that answered, by version.
    """
    version = anchor.former.version
    if version == champion or version not in losses:
        return anchor
    x = loss - losses[version]
    wealth = tuple(
        min(each * (1.0 - stake * x), MOST) for each, stake in zip(anchor.wealth, STAKES, strict=True)
    )
    if sum(wealth) / len(wealth) >= (math.pi * anchor.champions) ** 2 / (6 * alpha):
        return Anchor(Former(champion), champions=anchor.champions)
    return replace(anchor, former=observe_former(anchor.former, margin, x, losses[version]), wealth=wealth)
