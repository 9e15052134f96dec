"""From a sample to a total, with an interval that holds the truth in 95 of 100 plans.

Pure NumPy: values in, values out. The sample is one of `videonet.planning.sample`: of each stratum
a fixed number of candidates, each drawn with a chance in proportion to its size. Three things keep
intervals narrow and honest where few videos have most of the bytes:

- Long videos are drawn more often, and count less each (Horvitz and Thompson, 1952).
- The number of candidates of each stratum and the sum of all sizes are known. Weights are
  calibrated so that the sample gives these totals exactly: the generalized regression estimator
  (Deville and Särndal, 1992). The size grows with the declared duration, which is the covariate.
- The spread comes from a bootstrap that draws one fewer than there are in each stratum, and shrinks
  with the part of the candidates that was seen (Rao and Wu, 1988). The interval is taken on the
  scale of logarithms, where heavy tails are less lopsided, and has at least the bootstrap's own
  percentiles.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Of the standard normal distribution, for 95 of 100.
_Z = 1.959964

DRAWS = 1000
_SEED = 20


@dataclass(frozen=True)
class Interval:
    """A number, and where it lies in 95 of 100 plans. high None: nothing in the sample says so."""

    value: float
    low: float
    high: float | None

    def plus(self, known: float) -> "Interval":
        """The same with something added that is known."""
        high = None if self.high is None else self.high + known
        return Interval(self.value + known, self.low + known, high)

    def times(self, factor: float) -> "Interval":
        """The same in another unit; the factor is 0 or more."""
        high = 0.0 if not factor else None if self.high is None else self.high * factor
        return Interval(self.value * factor, self.low * factor, high)


@dataclass(frozen=True, eq=False)
class Design:
    """How a sample was drawn, and what is known of all candidates.

    chance: float64 [N], the chance of each sampled candidate to be in the sample, in (0, 1]
    stratum: int64 [N], the stratum of each, from 0 to H - 1; each has at least 2, or all it has
    size: float64 [N], the size of each, in any unit
    candidates: float64 [H], how many candidates each stratum has
    total_size: of all candidates
    """

    chance: Floats
    stratum: Integers
    size: Floats
    candidates: Floats
    total_size: float


class Estimator:
    """Totals over all candidates, of anything that was measured in the sample."""

    def __init__(self, design: Design, draws: int = DRAWS) -> None:
        self._design = design
        self._draws = draws

    @cached_property
    def weights(self) -> Floats:
        """float64 [N]: how many candidates each sampled one stands for, calibrated."""
        calibrated: Floats = self._calibrated(1 / self._design.chance[None])[0]
        return calibrated

    @cached_property
    def _replicates(self) -> Floats:
        """float64 [draws, N]: the weights of each sample that the bootstrap has drawn."""
        design, random = self._design, np.random.default_rng(_SEED)
        drawn = np.ones((self._draws, len(design.chance)))
        for stratum in range(len(design.candidates)):
            own = np.flatnonzero(design.stratum == stratum)
            if (number := len(own)) < 2:
                continue
            times = random.multinomial(
                number - 1, np.full(number, 1 / number), size=self._draws
            ) * (number / (number - 1))
            # What is in the sample for certain does not vary.
            drawn[:, own] += np.sqrt(1 - design.chance[own]) * (times - 1)
        return self._calibrated(drawn / design.chance)

    def total(self, values: Floats, where: npt.NDArray[np.bool_] | None = None) -> Interval:
        """The sum over all candidates of what is 0 or more; float64 [N] in, of the sample.

        `where`, bool [N], has the sampled candidates that count: those of some classes.
        """
        counted = values if where is None else np.where(where, values, 0.0)
        seen = float(counted.sum())
        if (self._design.chance >= 1).all():
            return Interval(seen, seen, seen)
        if not seen:
            return Interval(0.0, 0.0, None)
        value = max(float(self.weights @ counted), seen)
        sums = np.maximum(self._replicates @ counted, seen)
        t = _t(len(counted) - len(self._design.candidates))
        spread = t * float(np.log(sums).std())
        low, high = np.quantile(sums, [0.025, 0.975])
        low = min(float(low), value * float(np.exp(-spread)))
        high = max(float(high), value * float(np.exp(spread)))
        # There is at least what was seen.
        return Interval(value, max(low, seen), max(high, seen))

    def count(
        self, flags: npt.NDArray[np.bool_], of: float, where: npt.NDArray[np.bool_] | None = None
    ) -> Interval:
        """How many of `of` candidates have what bool [N] says of the sampled ones.

        The interval is Wilson's for a share (1927), with as many tries as give the same spread
        under simple chance: it has ends where none or all of the sample have it, too.
        """
        inside = np.ones(len(flags), bool) if where is None else where
        number, seen = int(inside.sum()), int((flags & inside).sum())
        if not number or not of:
            return Interval(0.0, 0.0, float(of))
        own = self.weights * inside
        whole = float(own.sum())
        share = min(max(float(own @ flags) / whole, 0.0), 1.0) if whole > 0 else seen / number
        missing = 1 - number / of
        if missing <= 0:
            return Interval(float(seen), float(seen), float(seen))
        sums = self._replicates @ inside
        shares = self._replicates @ (flags & inside) / np.where(sums > 0, sums, 1)
        variance = float(shares.var())
        by_weights = float(own.sum() ** 2 / (own @ own)) / missing
        # Where all of a sample is alike, the bootstrap sees no spread.
        is_alike = seen in (0, number) or variance <= 1e-12
        tries = by_weights if is_alike else share * (1 - share) / variance
        low, high = _wilson(share, min(max(tries, 1.0), 4 * by_weights), _t(max(number - 1, 2)))
        # There are as many as were seen, and no more than were not seen to be none.
        most = of - (number - seen)
        value = min(max(share * of, seen), most)
        return Interval(value, min(max(low * of, seen), value), max(min(high * of, most), value))

    def _calibrated(self, weights: Floats) -> Floats:
        """Weights [M, N] changed as little as gives the known totals."""
        design = self._design
        strata = np.eye(len(design.candidates))[design.stratum]
        known = np.column_stack([strata, design.size])
        totals = np.append(design.candidates, design.total_size)
        # Sizes of one unit with the indicators, so that the equations are well conditioned.
        scale = np.append(np.ones(len(design.candidates)), max(float(design.size.mean()), 1e-12))
        known, totals = known / scale, totals / scale
        matrix = (
            weights @ (known[:, :, None] * known[:, None, :]).reshape(len(known), -1)
        ).reshape(-1, known.shape[1], known.shape[1])
        lacking = totals - weights @ known
        solved = np.einsum(
            "mij,mj->mi", np.linalg.pinv(matrix, rcond=1e-9, hermitian=True), lacking
        )
        changed: Floats = weights * (1 + solved @ known.T)
        return changed


def _wilson(share: float, tries: float, z: float) -> tuple[float, float]:
    middle = (share + z * z / (2 * tries)) / (1 + z * z / tries)
    half = z / (1 + z * z / tries)
    half *= float(np.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries)))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _t(degrees: int) -> float:
    """Student's t for 95 of 100, by the expansion in 1 / degrees (Fisher, 1926)."""
    freedom = max(degrees, 2)
    return float(
        _Z + (_Z**3 + _Z) / (4 * freedom) + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)
    )
