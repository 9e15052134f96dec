"""Looks at every byte, every clip and every account: is a data set what its manifest says?"""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import simplejpeg

from schemas import Clip, Lookup, Manifest, Outcome, Shard
from videonet.errors import UsageError
from videonet.manifest import counts_of, tally
from videonet.output import Output
from videonet.shards import FORMATS, shard_path


@dataclass
class Findings:
    """What was looked at, and what is wrong with it: one sentence each."""

    problems: list[str] = field(default_factory=list)
    shards: int = 0
    clips: int = 0
    frames: int = 0
    pairs: int = 0


def problems_of(out: Path) -> Findings:
    """Look at all of OUT. Raises UsageError where there is no finished data set."""
    output = Output(out)
    manifest, lookup = output.manifest(), output.lookup()
    if manifest is None or lookup is None:
        raise UsageError(
            f"{out} holds no finished data set (manifest.json or lookup.json is missing); "
            "give the --out of a finished run."
        )
    findings = Findings(pairs=manifest.totals.verdicts.pairs)
    sound = [shard for shard in manifest.shards if _is_sound(output, shard, findings)]
    for index in range(lookup.shards):
        _check_clips(output, manifest, lookup.shards, index, sound, findings)
    _check_accounts(output, manifest, lookup, findings)
    return findings


def _is_sound(output: Output, shard: Shard, findings: Findings) -> bool:
    """Whether a file has the bytes that the manifest names."""
    findings.shards += 1
    file = output.root / shard.path
    if not file.is_file():
        findings.problems.append(f"{shard.path} is missing.")
        return False
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != shard.sha256:
        size = file.stat().st_size
        findings.problems.append(
            f"{shard.path} was changed: {size} bytes with sha256 {sha256[:12]}..., "
            f"the manifest has {shard.bytes} with {shard.sha256[:12]}...."
        )
        return False
    return True


def _check_clips(
    output: Output,
    manifest: Manifest,
    shards: int,
    index: int,
    sound: list[Shard],
    findings: Findings,
) -> None:
    """Every clip of a shard decodes, the formats agree, and the rows are as many as stated."""
    formats = [str(name) for name in _formats(manifest)]
    paths = {name: shard_path(name, index, shards) for name in formats}
    by_path = {shard.path: shard for shard in sound}
    readable = [name for name in formats if paths[name] in by_path]
    readers = [_clips(output, name, paths[name], findings) for name in readable]
    rows = 0
    for clips in itertools.zip_longest(*readers):
        rows += 1
        first = clips[0]
        if any(clip != first for clip in clips[1:]):
            findings.problems.append(
                f"Clip {rows - 1} differs between {' and '.join(paths[n] for n in readable)}."
            )
        if first is not None:
            _check_frames(first, paths[readable[0]], findings)
    for name in readable:
        stated = by_path[paths[name]].rows
        if stated != rows:
            findings.problems.append(f"{paths[name]} has {rows} clips, {stated} are stated.")


def _clips(output: Output, format_name: str, path: str, findings: Findings) -> Iterator[Clip]:
    try:
        yield from FORMATS[format_name].read(output.root / path)
    except UsageError as error:
        findings.problems.append(str(error))


def _check_frames(clip: Clip, path: str, findings: Findings) -> None:
    findings.clips += 1
    findings.frames += len(clip.image_encoded)
    where = f"Clip {clip.example_id} in {path}"
    size = (clip.image_height, clip.image_width)
    for number, jpeg in enumerate(clip.image_encoded):
        try:
            image = simplejpeg.decode_jpeg(jpeg, colorspace="RGB")
        except ValueError as error:
            findings.problems.append(f"{where}: frame {number} cannot be decoded ({error}).")
            continue
        if image.shape[:2] != size:
            findings.problems.append(f"{where}: frame {number} is {image.shape[:2]}, not {size}.")
    times = clip.image_timestamp
    if len(times) != len(clip.image_encoded):
        findings.problems.append(f"{where} has {len(times)} times for its frames.")
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        findings.problems.append(f"{where} has times that do not increase.")


def _check_accounts(output: Output, manifest: Manifest, lookup: Lookup, findings: Findings) -> None:
    """One verdict for each pair in the candidate list, as many of each kind as stated."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for index in range(lookup.shards):
        try:
            verdicts = list(output.verdicts(index, lookup.shards))
            listed = Counter(
                (candidate.video_key, match.target_id)
                for candidate in output.candidates(index, lookup.shards)
                for match in candidate.matches
            )
        except (OSError, pa.ArrowException) as error:
            findings.problems.append(f"The accounts of shard {index} cannot be read: {error}.")
            continue
        judged = Counter((verdict.video_key, verdict.target_id) for verdict in verdicts)
        for pair in listed - judged:
            findings.problems.append(f"Candidate {pair[0]} for {pair[1]} has no verdict.")
        for pair in judged - listed:
            findings.problems.append(f"The verdict on {pair[0]} for {pair[1]} is one too many.")
        counts.update(tally(verdicts))
    for target, stated in manifest.targets.items():
        if counts_of(counts, [target]) != stated:
            findings.problems.append(f"The verdicts on {target} are not as many as stated.")
    kept = counts_of(counts, list(manifest.targets)).kept
    if kept != manifest.totals.verdicts.kept:
        findings.problems.append(
            f"{kept} verdicts are {Outcome.KEPT}, {manifest.totals.verdicts.kept} are stated."
        )


def _formats(manifest: Manifest) -> list[str]:
    formats = manifest.settings["formats"]
    assert isinstance(formats, list), "the schema of the manifest's settings"
    return formats
