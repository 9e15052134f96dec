"""How often plans are right: in generated worlds, of which the truth is known.

    python -m benchmarks.plan_worlds [--seeds 200] [--json FILE]

A world has 5,000 candidates in 12 classes of different sizes and shares kept. Durations and bit
rates are lognormal. A world is as heavy as the standard deviation of the logarithm of its
durations: at 1.0, a hundredth of the videos has 9 % of all hours; at 1.3, 15 %. Declared
durations are within some 3 % of the true ones, and a fifth are missing. A plan looks at 200
candidates, 4 %, as `videonet plan` draws them, and estimates with the same code.

Each row is of 200 plans: of 200 worlds, or of one world that is sampled 200 times. It says how
many 95 % intervals hold the true total; how wide they are relative to their totals, in units of
the 95 % interval of the share kept of 200 draws (Clopper and Pearson) relative to that share: in
the middle, and the 180th of 200; and how many are at most twice as wide.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from videonet.planning.estimate import Design, Estimator, Floats, Integers
from videonet.planning.sample import Drawn, Sketch, indices, mean_of, shared_out, strata_of

CANDIDATES, SAMPLE, CLASSES = 5_000, 200, 12

# Half widths below 0 of Clopper and Pearson's interval are found by halving, so many times.
_HALVINGS = 60


# By quantity, what a row of the table says.
Rows = dict[str, dict[str, float]]


class World(NamedTuple):
    """Candidates, and what a whole run would find: arrays [N]."""

    classes: Integers
    # seconds, not declared where it is NaN
    declared: Floats
    kept: Floats
    hours: Floats
    bytes: Floats
    clips: Floats


class Plan(NamedTuple):
    """Of one quantity in one plan: whether its interval holds the truth, and its width."""

    holds: bool
    # relative to the total, in units of that of the share kept
    width: float


def world(seed: int, heaviness: float) -> World:
    """A world of its own for each seed."""
    random = np.random.default_rng(seed)
    sizes = random.dirichlet(np.full(CLASSES, 3.0))
    classes = random.choice(CLASSES, CANDIDATES, p=sizes)
    shares = random.beta(1.5, 2.5, CLASSES)[classes]
    durations = np.exp(random.normal(np.log(150), heaviness, CANDIDATES))
    rates = np.exp(random.normal(np.log(60e3), 0.5, CANDIDATES))
    declared = durations * np.exp(random.normal(0, 0.03, CANDIDATES))
    declared[random.random(CANDIDATES) < 0.2] = np.nan
    here = random.random(CANDIDATES) > 0.05
    kept = here & (random.random(CANDIDATES) < shares) & (durations >= 10)
    whole = durations * rates
    first = np.minimum(whole, np.exp(random.normal(np.log(1.5e6), 0.4, CANDIDATES)))
    return World(
        classes=classes,
        declared=declared,
        kept=kept.astype(float),
        hours=np.where(kept, durations / 3600, 0.0),
        # Of what is not kept, the first frames were fetched.
        bytes=np.where(kept, whole, np.where(here, first, 0.0)),
        clips=np.where(kept, np.clip(durations // 10.24, 1, 4), 0.0),
    )


def planned(found: World, seed: int, draws: int = 1000) -> dict[str, Plan]:
    """What a plan says of each quantity, against the truth."""
    durations = [None if np.isnan(each) else float(each) for each in found.declared]
    sketch: Sketch[int] = Sketch(SAMPLE, mean_of(durations))
    for index, duration in enumerate(durations):
        name = f"class {found.classes[index]:02}"
        sketch.add(f"{seed}/{index}", name, duration, index)
    drawn = sketch.drawn()
    estimator = Estimator(design_of(sketch, drawn), draws)
    chosen = np.array([each.item for each in drawn])
    share = float(found.kept.mean())
    low, high = binomial_interval(round(share * SAMPLE), SAMPLE)
    unit = (high - low) / share
    plans = {}
    for name in ("kept", "hours", "bytes", "clips"):
        values: Floats = getattr(found, name)
        interval = (
            estimator.count(values[chosen] > 0, CANDIDATES)
            if name == "kept"
            else estimator.total(values[chosen])
        )
        truth, end = float(values.sum()), interval.high
        assert end is not None, "something is kept in every sample"
        width = (end - interval.low) / max(interval.value, 1e-9) / unit
        plans[name] = Plan(interval.low <= truth <= end, width)
    return plans


def design_of(sketch: Sketch[int], drawn: list[Drawn[int]]) -> Design:
    """How a sample was drawn, as the estimator takes it."""
    names, strata = indices([each.stratum for each in drawn])
    of = strata_of(shared_out(sketch.sizes, SAMPLE, sketch.candidates))
    numbers = dict.fromkeys(names, 0)
    for name, number in sketch.candidates.items():
        numbers[of[name]] = numbers.get(of[name], 0) + number
    return Design(
        chance=np.array([each.chance for each in drawn]),
        stratum=strata,
        size=np.array([each.size for each in drawn]),
        candidates=np.array([numbers[name] for name in names], float),
        total_size=sum(sketch.sizes.values()),
    )


def binomial_interval(seen: int, tries: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share (1934)."""
    logs = np.cumsum(np.log(np.arange(1, tries + 1)))
    factorials = np.concatenate([[0.0], logs])
    number = np.arange(tries + 1)
    ways = factorials[tries] - factorials[number] - factorials[tries - number]

    def at_least(share: float) -> float:
        return float(np.exp(ways + _powers(share, number, tries))[seen:].sum())

    def at_most(share: float) -> float:
        return float(np.exp(ways + _powers(share, number, tries))[: seen + 1].sum())

    ends = []
    for is_low in (True, False):
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            goes_up = at_least(middle) < 0.025 if is_low else at_most(middle) > 0.025
            low, high = (middle, high) if goes_up else (low, middle)
        ends.append((low + high) / 2)
    return ends[0], ends[1]


def _powers(share: float, number: Integers, tries: int) -> Floats:
    powers: Floats = number * np.log(share) + (tries - number) * np.log1p(-share)
    return powers


def rows(seeds: int, heaviness: float, *, one_world: bool, draws: int = 1000) -> Rows:
    """By quantity: how many intervals hold the truth, and how wide they are."""
    plans = [
        planned(world(0 if one_world else seed, heaviness), seed, draws) for seed in range(seeds)
    ]
    found = {}
    for name in plans[0]:
        widths = np.array([each[name].width for each in plans])
        found[name] = {
            "hold": sum(each[name].holds for each in plans),
            "of": seeds,
            "middle width": round(float(np.median(widths)), 2),
            "width of 180 of 200": round(float(np.quantile(widths, 0.9)), 2),
            "at most twice": int((widths <= 2).sum()),
        }
    return found


def main() -> None:
    """Print a table of all kinds of worlds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {}
    print("| worlds | heaviness | of | hold the truth | width, middle | 180th | at most twice |")
    print("|---|---:|---|---:|---:|---:|---:|")
    for heaviness, one_world in ((0.8, False), (1.0, False), (1.3, False), (1.0, True)):
        worlds = "one" if one_world else f"{arguments.seeds}"
        own = found[f"{worlds}, {heaviness}"] = rows(
            arguments.seeds, heaviness, one_world=one_world
        )
        for name, row in own.items():
            hold, of, middle, high, twice = row.values()
            print(
                f"| {worlds} | {heaviness} | {name} | {hold} of {of} | {middle} | {high} "
                f"| {twice} |",
                flush=True,
            )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
