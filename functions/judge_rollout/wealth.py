"""A bet against a null hypothesis, whose wealth may be tested after every observation.

Testing by betting: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting",
arXiv 2010.09686. Under the null the wealth is a non-negative supermartingale that starts at 1, so by Ville's
inequality the chance that it ever reaches 1/alpha is at most alpha, however often one tests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# Wealth stays a finite, positive double however long the series is.
_LEAST, _MOST = 1e-300, 1e300


@dataclass(frozen=True, slots=True)
class Bet:
    """The four numbers of a bet against "the mean of X is at most `null`", X in [-1, 1].

    Attributes:
        null: the hypothesised bound on the mean.
        wealth: what one unit of stake has become.
        s: sum of x.
        v: sum of (x - null) squared.
        n: observations.
    """

    null: float
    wealth: float = 1.0
    s: float = 0.0
    v: float = 0.0
    n: int = 0


def stake(bet: Bet) -> float:
    """Return the share of wealth to stake on the next observation: from past observations only."""
    mean = (bet.s + bet.null) / (bet.n + 1)
    variance = (bet.v + 0.25) / (bet.n + 1)
    edge = mean - bet.null
    most = 0.5 / max(bet.null + 1.0, 1e-6)
    return min(max(edge / (variance + edge * edge), 0.0), most)


def update(bet: Bet, x: float) -> Bet:
    """Return the bet after one more observation.

    Raises:
        ValueError: x is outside [-1, 1], or not a number.
    """
    if not -1.0 <= x <= 1.0:
        raise ValueError(f"an observation must lie in [-1, 1], this is {x}")
    gain = x - bet.null
    wealth = bet.wealth * (1.0 + stake(bet) * gain)
    return replace(
        bet,
        wealth=min(max(wealth, _LEAST), _MOST),
        s=bet.s + x,
        v=bet.v + gain * gain,
        n=bet.n + 1,
    )
