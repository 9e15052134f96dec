"""From what a pilot has seen to what the whole run brings and takes, with 95 % intervals.

A value in, a value out: nothing is read, and nothing is asked.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from videonet.planning.estimate import Design, Estimator, Interval
from videonet.planning.prices import Price, PriceTable
from videonet.planning.sample import indices
from videonet.schemas.forecast import ClassForecast, CostItem, Forecast, Numbers, PlanForecast
from videonet.schemas.pilot import DOWNLOAD, ClassCount, Observed, Pilot
from videonet.schemas.settings import CurateOptions, Keep, RunOptions
from videonet.storage.places import is_remote

# Classes with fewer sampled candidates are shown together.
LEAST_SHOWN = 20

# Of those, so many are named.
_NAMED = 5

_HOUR = 3600.0
_GB = 1e9

# What each candidate, and each kept one, asks of a bucket: docs/storage.md.
_WRITES, _READS = 4.7, 5.0
_WRITES_OF_KEPT, _READS_OF_KEPT = 3.0, 1.0

# Bytes of a clip in one format, where the sample has none: as of the demo's videos at 256 pixels.
_A_CLIP = 1_700_000.0

_NONE = Interval(0.0, 0.0, 0.0)


def forecast(
    pilot: Pilot,
    options: CurateOptions,
    run: RunOptions,
    table: PriceTable,
    cores: int | None = None,
) -> PlanForecast:
    """The plan of a run with these options; `cores` are of this machine, None: as it has."""
    whole = _Whole(pilot, options, run, table, cores or os.cpu_count() or 1)
    seen = pilot.observed
    unknown = sum(each.unknown for each in pilot.classes)
    known = sum(each.known.videos for each in pilot.classes)
    reasons = Counter(each.reason for each in seen if each.reason is not None)
    scans = [_took(each, "scan") for each in seen if each.scanned]
    told = [each for each in scans if each is not None]
    rate = table.assumptions.gpu_frames_per_second
    return PlanForecast(
        titles=pilot.titles,
        candidates=unknown + known,
        known=known,
        sampled=len(seen),
        reasons={str(reason): reasons[reason] for reason in sorted(reasons)},
        bytes_moved_by_pilot=sum(each.moved for each in seen),
        declared=pilot.declared,
        uses_durations=pilot.declared > 0 and unknown > len(seen),
        seconds_per_scan=sum(told) / len(told) if told else None,
        gpu_source=(
            "as the pilot has measured on this machine's GPU"
            if whole.on_gpu
            else f"if scans ran on a GPU: {options.frames} frames each, {rate:g} frames a second"
        ),
        busiest_host=whole.host,
        total=whole.numbers(None),
        classes=tuple(_classes(whole, pilot)),
    )


def _classes(whole: "_Whole", pilot: Pilot) -> list[ClassForecast]:
    """Of each class with enough sampled candidates, and of all others together."""
    sampled = Counter(each.target_id for each in pilot.observed)
    shown, pooled = list[ClassCount](), list[ClassCount]()
    for each in pilot.classes:
        (shown if sampled[each.target_id] >= LEAST_SHOWN else pooled).append(each)

    def of(classes: Sequence[ClassCount], target_id: str, name: str) -> ClassForecast:
        known = sum(each.known.videos for each in classes)
        return ClassForecast(
            target_id=target_id,
            name=name,
            classes=len(classes),
            names=tuple(each.name for each in classes[:_NAMED]),
            candidates=sum(each.unknown for each in classes) + known,
            known=known,
            sampled=sum(sampled[each.target_id] for each in classes),
            numbers=whole.numbers(classes),
        )

    found = [of([each], each.target_id, each.name) for each in shown]
    return [*found, of(pooled, "", "all other classes")] if pooled else found


class _Whole:
    """The sample, what is known, and what a run is asked to do: numbers of all, or of classes."""

    def __init__(
        self,
        pilot: Pilot,
        options: CurateOptions,
        run: RunOptions,
        table: PriceTable,
        cores: int,
    ) -> None:
        self._seen: Sequence[Observed] = pilot.observed
        self._classes = pilot.classes
        self._run, self._table, self._cores = run, table, cores
        self._frames, self._copies = options.frames, len(set(options.formats))
        self.on_gpu = pilot.device == "cuda"
        self.host = _busiest(pilot.observed)
        names, strata = indices([each.stratum for each in self._seen])
        by_stratum: Counter[str] = Counter()
        for each in pilot.classes:
            by_stratum[each.stratum] += each.unknown
        self._estimator = Estimator(
            Design(
                chance=np.array([each.chance for each in self._seen], float),
                stratum=strata,
                size=np.array([each.size for each in self._seen], float),
                candidates=np.array([by_stratum[name] for name in names], float),
                total_size=sum(each.size for each in pilot.classes),
            )
        )
        seen = self._seen
        # Clips of what is known are as large as those of the sample, and take as long to cut again.
        size, number = sum(each.clip_bytes for each in seen), sum(each.clips for each in seen)
        self._a_clip = size / number if number else _A_CLIP
        self._a_cut = _ratio(
            [_took(each, "measure", "cut") or 0 for each in seen if each.kept],
            [each.took is not None for each in seen if each.kept],
        )

    def numbers(self, classes: Sequence[ClassCount] | None) -> Numbers:
        """What some classes come to, or all; as if the run had nothing else to do."""
        run, copies = self._run, self._copies
        chosen = self._classes if classes is None else classes
        unknown = sum(each.unknown for each in chosen)
        known = {
            name: float(sum(getattr(each.known, name) for each in chosen))
            for name in ("videos", "kept", "seconds", "clips", "bytes", "to_fetch")
        }
        where = None
        if classes is not None:
            ids = {each.target_id for each in classes}
            where = np.array([each.target_id in ids for each in self._seen], bool)

        def total(of: Callable[[Observed], float]) -> Interval:
            if not unknown:
                return _NONE
            values = np.array([of(each) for each in self._seen], float)
            return self._estimator.total(values, where)

        def of_web(of: Callable[[Observed], float]) -> Interval:
            # Of local files nothing is asked: that is known, and not only seen.
            return total(of) if any(each.host for each in self._seen) else _NONE

        flags = np.array([each.kept for each in self._seen], bool)
        kept = self._estimator.count(flags, unknown, where) if unknown else _NONE
        kept = kept.plus(known["kept"])
        clips = total(lambda each: each.clips).plus(known["clips"])
        hours = total(lambda each: each.seconds).plus(known["seconds"]).times(1 / _HOUR)
        moved = of_web(lambda each: each.moved).plus(known["to_fetch"])
        at_rest = known["bytes"] if run.keep is not Keep.NONE else 0.0
        of_known = known["clips"] * self._a_clip * copies
        videos = of_web(lambda each: _stored(each, run.keep)).plus(at_rest)
        shards = total(lambda each: copies * each.clip_bytes).plus(of_known)
        stored = total(lambda each: _stored(each, run.keep) + copies * each.clip_bytes)
        stored = stored.plus(at_rest + of_known)

        # What is known is only cut again, where it is kept.
        work = total(self._seconds("scan", "measure", "cut")).plus(known["kept"] * self._a_cut)
        processor = work.times(1 / run.workers / _HOUR)
        held = self._seconds(DOWNLOAD)
        downloads = of_web(held).times(1 / run.downloads / _HOUR)
        requests = of_web(lambda each: each.requests.get(self.host, 0))
        lanes = of_web(lambda each: held(each) if each.host == self.host else 0.0)
        politeness = _larger(
            requests.times(1 / run.requests_per_second / _HOUR),
            lanes.times(1 / run.per_host / _HOUR),
        )
        times = {"processor": processor, "downloads": downloads, "politeness": politeness}
        machine = _larger(*times.values())

        scans = total(lambda each: float(each.scanned))
        gpu_hours = (
            total(self._seconds("scan")).times(1 / run.workers / _HOUR)
            if self.on_gpu
            else scans.times(self._frames / self._table.assumptions.gpu_frames_per_second / _HOUR)
        )
        items = self._items(kept, moved, stored, shards, machine, gpu_hours, unknown)
        return Numbers(
            kept=_said(kept),
            hours=_said(hours),
            clips=_said(clips),
            bytes_moved=_said(moved),
            bytes_videos=_said(videos),
            bytes_shards=_said(shards),
            bytes_stored=_said(stored),
            bytes_egress=_said(shards),
            scans=_said(scans),
            hours_processor=_said(processor),
            hours_downloads=_said(downloads),
            hours_politeness=_said(politeness),
            hours_machine=_said(machine),
            set_by=max(times, key=lambda name: times[name].value),
            gpu_hours=_said(gpu_hours),
            cost=_said(_sum([item.dollars for item in items])),
            items=tuple(items),
            largest_item=max(items, key=lambda item: item.dollars.value).name,
        )

    def _items(
        self,
        kept: Interval,
        moved: Interval,
        stored: Interval,
        shards: Interval,
        machine: Interval,
        gpu_hours: Interval,
        unknown: int,
    ) -> list[CostItem]:
        """All parts of the cost."""
        prices, months = self._table.prices, self._table.assumptions.months
        items = [
            _item("machine", prices.core_hour, machine.times(self._cores)),
            _item("GPU", prices.gpu_hour, gpu_hours if self.on_gpu else _NONE),
            _item("downloads", prices.download_gb, moved.times(1 / _GB)),
            _item("storage", prices.stored_gb_month, stored.times(months / _GB)),
            _item("egress", prices.egress_gb, shards.times(1 / _GB)),
        ]
        if is_remote(self._run.store):
            writes = kept.times(_WRITES_OF_KEPT).plus(_WRITES * unknown)
            reads = kept.times(_READS_OF_KEPT).plus(_READS * unknown)
            items += [
                _item("writes", prices.write_thousand, writes.times(1e-3)),
                _item("reads", prices.read_thousand, reads.times(1e-3)),
            ]
        return items

    def _seconds(self, *stages: str) -> Callable[[Observed], float]:
        """What stages took of a candidate; the mean, where a kill has left nobody to say so."""
        told = [value for each in self._seen if (value := _took(each, *stages)) is not None]
        mean = sum(told) / len(told) if told else 0.0

        def of(each: Observed) -> float:
            value = _took(each, *stages)
            return mean if value is None else value

        return of


def _stored(each: Observed, keep: Keep) -> float:
    """Bytes of a video's file that stay in the store; a local file is not copied."""
    stays = keep is Keep.ALL or (keep is Keep.KEPT and each.kept)
    return float(each.bytes) if stays and each.host else 0.0


def _took(each: Observed, *stages: str) -> float | None:
    if each.took is None:
        return None
    return sum(each.took.get(stage, 0.0) for stage in stages)


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    whole = sum(below)
    return sum(above) / whole if whole else 0.0


def _busiest(seen: Sequence[Observed]) -> str:
    """The host that the sample has asked most; "": none."""
    asked: Counter[str] = Counter()
    for each in seen:
        asked.update(each.requests)
    return max(asked, key=lambda host: (asked[host], host), default="")


def _larger(*intervals: Interval) -> Interval:
    """The largest of several things that go on beside each other.

    Its ends are the largest ends: no interval of 95 %, and too high where two things are close.
    """
    highs = [each.high for each in intervals if each.high is not None]
    return Interval(
        max(each.value for each in intervals),
        max(each.low for each in intervals),
        max(highs) if len(highs) == len(intervals) else None,
    )


def _sum(parts: Sequence[Forecast]) -> Interval:
    """The sum; its ends are the sums of ends, which is wider than need be."""
    highs = [each.high for each in parts if each.high is not None]
    return Interval(
        sum(each.value for each in parts),
        sum(each.low for each in parts),
        sum(highs) if len(highs) == len(parts) else None,
    )


def _item(name: str, price: Price, amount: Interval) -> CostItem:
    return CostItem(
        name=name,
        price=price.dollars,
        unit=price.unit,
        source=price.source,
        dollars=_said(amount.times(price.dollars)),
    )


def _said(interval: Interval) -> Forecast:
    return Forecast(value=interval.value, low=interval.low, high=interval.high)
