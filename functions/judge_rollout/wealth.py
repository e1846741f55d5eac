"""A bet against a null hypothesis, whose wealth may be tested after every observation.

Testing by betting: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting",
arXiv 2010.09686. Under the null the wealth is a non-negative supermartingale that starts at 1, so by Ville's
inequality the chance that it ever reaches 1/alpha is at most alpha, however often one tests.

That needs observations whose mean, given all before, obeys the null. Where one depends on the one before, the
bet is placed on means of blocks of them instead, so long that they hardly depend on each other
(dependence.py): `Bet(null, blocks=...)` takes single observations all the same, and bets when a block is
full.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Wealth stays a finite, positive double however long the series is.
_LEAST, _MOST = 1e-300, 1e300
_REACH = 4.0
"""A block's mean counts as at most so many standard deviations away from the null."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """What a bet is placed on.

    Attributes:
        length: of a block, in observations; 1: on each observation.
        long: dependence reaches further than a block. Stakes then stay so small that no stretch of a few
            blocks can decide.
    """

    length: int = 1
    long: bool = False

    def covers(self, other: Blocks) -> bool:
        """Say whether bets on these blocks are at least as careful as on others."""
        return self.long or (not other.long and self.length >= other.length)


SINGLE = Blocks()


@dataclass(frozen=True, slots=True)
class Bet:
    """The numbers of a bet against "the mean of X is at most `null`", X in [-1, 1].

    Attributes:
        null: the hypothesised bound on the mean.
        wealth: what one unit of stake has become.
        s: sum of what was bet on: x, or means of blocks of x.
        v: sum of (the same - null) squared.
        n: how often was bet.
        blocks: what is bet on.
        held: sum of x in the block that is not full yet.
        held_n: how many there are.
    """

    null: float
    wealth: float = 1.0
    s: float = 0.0
    v: float = 0.0
    n: int = 0
    blocks: Blocks = SINGLE
    held: float = 0.0
    held_n: int = 0


def stake(bet: Bet) -> float:
    """Return the share of wealth to stake on the next bet: from past observations only."""
    mean = (bet.s + bet.null) / (bet.n + 1)
    variance = _variance(bet)
    edge = mean - bet.null
    return min(max(edge / (variance + edge * edge), 0.0), 0.5 / _reach(bet))


def update(bet: Bet, x: float) -> Bet:
    """Return the bet after one more observation.

    Raises:
        ValueError: x is outside [-1, 1], or not a number.
    """
    if not -1.0 <= x <= 1.0:
        raise ValueError(f"an observation must lie in [-1, 1], this is {x}")
    if bet.blocks.length == 1:
        return _place(bet, x)
    held, held_n = bet.held + x, bet.held_n + 1
    if held_n < bet.blocks.length:
        return replace(bet, held=held, held_n=held_n)
    return replace(_place(bet, held / held_n), held=0.0, held_n=0)


def lengthen(bet: Bet, blocks: Blocks) -> Bet:
    """Return the bet as it goes on with more careful blocks; what it has won without them is given up."""
    if bet.blocks.covers(blocks):
        return bet
    return Bet(bet.null, min(bet.wealth, 1.0), blocks=blocks)


def with_blocks(bet: Bet, blocks: Blocks) -> Bet:
    """Return the bet as it goes on over other observations, with the wealth it has."""
    return bet if bet.blocks == blocks else Bet(bet.null, bet.wealth, blocks=blocks)


def _place(bet: Bet, x: float) -> Bet:
    gain, reach = x - bet.null, _reach(bet)
    counted = gain if bet.blocks.length == 1 else min(max(gain, -reach), reach)
    wealth = bet.wealth * (1.0 + stake(bet) * counted)
    return replace(
        bet,
        wealth=min(max(wealth, _LEAST), _MOST),
        s=bet.s + x,
        v=bet.v + gain * gain,
        n=bet.n + 1,
    )


def _variance(bet: Bet) -> float:
    return (bet.v + 0.25 / bet.blocks.length) / (bet.n + 1)


def _reach(bet: Bet) -> float:
    """Return by how much an outcome may miss the null: half of the wealth is staked on that at most.

    Means of blocks lie closer together than observations, so more is staked on them.
    """
    most = max(bet.null + 1.0, 1e-6)
    if bet.blocks.length == 1 or bet.blocks.long:
        return most
    return min(most, _REACH * math.sqrt(_variance(bet)))
