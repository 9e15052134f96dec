"""videonet.dataset.verify: a data set is what its manifest says, or each difference is named."""

import re
import shutil
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from tests.curated import Curated, curated_once, sentence, videonet
from videonet.dataset.verify import verify
from videonet.schemas.clip import LABEL_ID_COLUMNS, Clip
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.shard_form import NEWEST_FORM
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_path
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir

SHARDS = 2


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def out(curated: Curated, tmp_path: Path) -> Path:
    """A copy of a sound data set, to be damaged."""
    return Path(shutil.copytree(curated.out, tmp_path / "out"))


def problem(out: Path, like: str) -> None:
    """Fails unless the command ends with 1 and names this and nothing else."""
    problems = verify(out).problems
    assert len(problems) == 1, problems
    assert re.search(like, problems[0]), problems
    ended = videonet("verify", out)
    assert ended.code == 1
    assert problems[0] in ended.stdout
    assert "1 problem" in ended.stdout


def full_shard(out: Path) -> int:
    """Index of a shard with clips in it."""
    output = DatasetDir(out)
    return next(
        index for index in range(SHARDS) if any(row.clips for row in output.verdicts(index, SHARDS))
    )


def kept_video(out: Path, labels: int = 1) -> tuple[int, Verdict]:
    """A video that was kept for so many targets, and the index of its shard."""
    output = DatasetDir(out)
    for index in range(SHARDS):
        kept = [row for row in output.verdicts(index, SHARDS) if row.outcome is Outcome.KEPT]
        for row in kept:
            if [each.video_key for each in kept].count(row.video_key) == labels:
                return index, row
    raise LookupError(f"no video with {labels} labels")


def restate(out: Path, path: str, **stated: int) -> None:
    """Make the manifest say what a file's bytes are now, and whatever else is given."""
    output = DatasetDir(out)
    manifest = output.manifest()
    data = (out / path).read_bytes()
    facts = {"sha256": sha256(data).hexdigest(), "bytes": len(data), **stated}
    shards = tuple(
        msgspec.structs.replace(each, **facts) if each.path == path else each
        for each in manifest.shards
    )
    output.write_manifest(msgspec.structs.replace(manifest, shards=shards))


def rewrite_clips(
    out: Path,
    index: int,
    change: Callable[[list[Clip]], Iterable[Clip]],
    formats: Iterable[str] = tuple(FORMATS),
) -> None:
    """Write other clips into a shard, and make the manifest agree."""
    for name in formats:
        path = shard_path(name, index, SHARDS)
        clips = list(change(list(FORMATS[name].read(out / path))))
        with FORMATS[name].open_writer(out / path, NEWEST_FORM) as write:
            for clip in clips:
                write(clip)
        restate(out, path, rows=len(clips))


def rewrite_verdicts(
    out: Path, index: int, change: Callable[[list[Verdict]], list[Verdict]]
) -> None:
    output = DatasetDir(out)
    output.write_verdicts(index, SHARDS, change(list(output.verdicts(index, SHARDS))))


def test_a_fresh_data_set_is_sound(curated: Curated):
    found = verify(curated.out)
    assert found.problems == []
    assert (found.shards, found.clips, found.pairs) == (2 * SHARDS, 4, 5)
    # 10.24 s and 5.76 s of one video, 10.24 s of two others, at 12.5 frames a second.
    assert found.frames == 3 * 128 + 72
    ended = videonet("verify", curated.out)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.endswith("4 shards with 4 clips of 3 videos (456 frames), 5 verdicts.\n")


# Bytes.


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_flipped_byte_in_a_shard_is_found(out: Path, format_name: str):
    path = shard_path(format_name, full_shard(out), SHARDS)
    data = bytearray((out / path).read_bytes())
    data[len(data) // 2] ^= 1
    (out / path).write_bytes(data)
    problem(out, f"^{path} was changed: {len(data)} bytes with sha256")


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_flipped_byte_is_found_even_if_the_manifest_knows_of_it(out: Path, format_name: str):
    path = shard_path(format_name, full_shard(out), SHARDS)
    data = bytearray((out / path).read_bytes())
    data[len(data) // 2] ^= 1
    (out / path).write_bytes(data)
    restate(out, path)
    problem(out, f"^{path} cannot be read: .*is damaged")


def test_a_shard_that_was_cut_short_is_found(out: Path):
    path = shard_path("tfrecord", full_shard(out), SHARDS)
    (out / path).write_bytes((out / path).read_bytes()[:-100])
    problem(out, f"^{path} was changed")


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_missing_shard_is_found(out: Path, format_name: str):
    path = shard_path(format_name, 1, SHARDS)
    (out / path).unlink()
    problem(out, f"^{path} is missing")


def test_a_shard_that_the_manifest_forgot_is_found(out: Path):
    output = DatasetDir(out)
    manifest = output.manifest()
    gone, *shards = manifest.shards
    output.write_manifest(msgspec.structs.replace(manifest, shards=tuple(shards)))
    problem(out, f"^{gone.path} is not in the manifest")


def test_a_file_that_a_trainer_would_read_and_nobody_accounts_for_is_found(out: Path):
    extra = shard_path("parquet", 2, 3)
    shutil.copy(out / shard_path("parquet", 0, SHARDS), out / extra)
    problem(out, f"^{extra} is no file of this data set")


@pytest.mark.parametrize("kind", ["candidates", "verdicts"])
def test_a_table_that_nobody_accounts_for_is_found(out: Path, kind: str):
    extra = f"{kind}/{kind}-00002-of-00003.parquet"
    shutil.copy(out / kind / f"{kind}-00000-of-00002.parquet", out / extra)
    (out / kind / ".draft.tmp").write_bytes(b"PAR1 torn")
    problem(out, f"^{extra} is no file of this data set")


def test_a_size_that_the_manifest_has_wrong_is_found(out: Path):
    path = shard_path("parquet", full_shard(out), SHARDS)
    restate(out, path, bytes=7)
    problem(out, f"^{path} was changed: .* the manifest has 7 with")


def test_a_hidden_draft_is_no_problem(out: Path):
    (out / "clips/parquet/.clips-00000-of-00002.parquet.tmp").write_bytes(b"PAR1 torn")
    assert verify(out).problems == []


# Clips.


def test_a_changed_number_of_rows_is_found(out: Path):
    path = shard_path("parquet", full_shard(out), SHARDS)
    restate(out, path, rows=99)
    problem(out, f"^{path} has . clips, 99 are stated")


def test_formats_that_disagree_are_found(out: Path):
    def other(clips: list[Clip]) -> list[Clip]:
        return [msgspec.structs.replace(clips[0], clip_media_id="another"), *clips[1:]]

    rewrite_clips(out, full_shard(out), other, ["tfrecord"])
    problem(out, r"^Clip 0 differs between clips/parquet/.* and clips/tfrecord/")


def test_a_clip_that_one_format_lacks_is_found(out: Path):
    index = full_shard(out)
    rewrite_clips(out, index, lambda clips: clips[:-1], ["tfrecord"])
    problem(out, r"^Clip \d differs between")


def test_a_frame_that_does_not_decode_is_found(out: Path):
    def torn(clips: list[Clip]) -> list[Clip]:
        frames = list(clips[0].image_encoded)
        frames[3] = b"no JPEG"
        return [msgspec.structs.replace(clips[0], image_encoded=tuple(frames)), *clips[1:]]

    rewrite_clips(out, full_shard(out), torn)
    problem(out, r"^Clip .*#0 in .*parquet: frame 3 cannot be decoded")


def test_a_frame_of_another_size_is_found(out: Path):
    def lying(clips: list[Clip]) -> list[Clip]:
        first = clips[0]
        other = msgspec.structs.replace(
            first,
            image_height=first.image_height + 1,
            image_encoded=first.image_encoded[:1],
            image_timestamp=first.image_timestamp[:1],
        )
        return [other, *clips[1:]]

    rewrite_clips(out, full_shard(out), lying)
    problem(out, r"frame 0 cannot be decoded \(a frame of \(\d+, \d+\) pixels in a clip of \(")


def test_times_that_do_not_increase_are_found(out: Path):
    def confused(clips: list[Clip]) -> list[Clip]:
        times = clips[0].image_timestamp
        swapped = (times[1], times[0], *times[2:])
        return [msgspec.structs.replace(clips[0], image_timestamp=swapped), *clips[1:]]

    rewrite_clips(out, full_shard(out), confused)
    problem(out, "has times that do not increase")


def test_a_parquet_file_with_other_columns_is_found(out: Path):
    path, other = (shard_path("parquet", full_shard(out), SHARDS), out / "verdicts")
    shutil.copy(next(file for file in other.iterdir() if file.stat().st_size > 8000), out / path)
    restate(out, path)
    problem(out, f"^{path} cannot be read")


# Clips against verdicts.


def test_a_clip_that_all_formats_lack_is_found(out: Path):
    index, kept = kept_video(out)

    def without(clips: list[Clip]) -> list[Clip]:
        last = f"{kept.video_key}#{kept.clips - 1}"
        return [clip for clip in clips if clip.example_id != last]

    rewrite_clips(out, index, without)
    problem(
        out, f"^{kept.video_key} has {kept.clips - 1} clips in .*, its verdict says {kept.clips}"
    )


def test_a_clip_of_a_video_that_was_not_kept_is_found(out: Path):
    def stranger(clips: list[Clip]) -> list[Clip]:
        return [*clips, msgspec.structs.replace(clips[0], example_id="youtube:stranger#0")]

    rewrite_clips(out, full_shard(out), stranger)
    problem(out, "^Clip youtube:stranger#0 in .* is of a video that was not kept")


def test_a_clip_that_is_there_twice_is_found(out: Path):
    index, kept = kept_video(out)

    def twice(clips: list[Clip]) -> list[Clip]:
        (first, *_) = [clip for clip in clips if clip.example_id == f"{kept.video_key}#0"]
        return [*clips, first]

    rewrite_clips(out, index, twice)
    problems = verify(out).problems
    assert re.search(f"#0 in .* stands where {kept.video_key}#{kept.clips} is due", problems[0])
    assert re.search(
        f"has {kept.clips + 1} clips in .*, its verdict says {kept.clips}", problems[1]
    )
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("clip_label_index", (2,)),
        ("clip_label_string", ("mushroom",)),
        ("clip_label_text", ("mushroom",)),
    ],
)
def test_labels_that_the_verdicts_do_not_bear_out_are_found(
    out: Path, field: str, wrong: tuple[object, ...]
):
    index, kept = kept_video(out, labels=2)

    def relabelled(clips: list[Clip]) -> list[Clip]:
        return [
            msgspec.structs.replace(clip, **{field: wrong})
            if clip.example_id == f"{kept.video_key}#0"
            else clip
            for clip in clips
        ]

    rewrite_clips(out, index, relabelled)
    problem(out, rf"^Clip {kept.video_key}#0 in .* is labelled .* its verdicts say \(0, 1\)")


@pytest.mark.parametrize("field", LABEL_ID_COLUMNS)
def test_ids_of_labels_that_the_class_list_does_not_bear_out_are_found(out: Path, field: str):
    index, kept = kept_video(out, labels=2)

    def renamed(clips: list[Clip]) -> list[Clip]:
        return [
            msgspec.structs.replace(clip, **{field: ("n00000001", "")})
            if clip.example_id == f"{kept.video_key}#0"
            else clip
            for clip in clips
        ]

    rewrite_clips(out, index, renamed)
    problem(out, rf"^Clip {kept.video_key}#0 in .* as the ids of its labels, .* are due")


def test_a_verdict_that_says_another_number_of_clips_is_found(out: Path):
    index, kept = kept_video(out, labels=1)

    def more(rows: list[Verdict]) -> list[Verdict]:
        return [msgspec.structs.replace(row, clips=9) if row == kept else row for row in rows]

    rewrite_verdicts(out, index, more)
    problems = verify(out).problems
    assert f"{kept.video_key} has {kept.clips} clips in" in problems[0]
    assert problems[1].startswith("The total of clips is ")
    assert len(problems) == 2


# Accounts.


def test_a_verdict_that_was_removed_is_found(out: Path):
    index, kept = kept_video(out)
    rewrite_verdicts(out, index, lambda rows: [row for row in rows if row != kept])
    problems = verify(out).problems
    assert f"Candidate {kept.video_key} for {kept.target_id} has no verdict." in problems
    assert f"The verdicts on {kept.target_id} are not as many as stated." in problems


@pytest.mark.parametrize("target", ["balloon", "unheard of"])
def test_a_verdict_that_was_added_is_found(out: Path, target: str):
    extra = {"video_key": "youtube:extra", "target_id": target, "clips": 0}
    extra |= {"outcome": Outcome.FAILED, "reason": Reason.NETWORK}
    rewrite_verdicts(
        out, full_shard(out), lambda rows: [*rows, msgspec.structs.replace(rows[0], **extra)]
    )
    problems = verify(out).problems
    assert f"The verdict on youtube:extra for {target} is one too many." in problems
    assert "The total of candidates is 5, 4 is stated." in problems


def test_a_verdict_that_is_there_twice_is_found(out: Path):
    index, kept = kept_video(out)
    rewrite_verdicts(out, index, lambda rows: [*rows, kept])
    problems = verify(out).problems
    assert f"The verdict on {kept.video_key} for {kept.target_id} is one too many." in problems


def test_a_changed_outcome_is_found(out: Path):
    index, kept = kept_video(out)
    rejected = {"outcome": Outcome.REJECTED, "reason": Reason.TOO_SHORT, "clips": 0}

    def change(rows: list[Verdict]) -> list[Verdict]:
        return [msgspec.structs.replace(row, **rejected) if row == kept else row for row in rows]

    rewrite_verdicts(out, index, change)
    problems = verify(out).problems
    assert f"The verdicts on {kept.target_id} are not as many as stated." in problems
    assert any("is of a video that was not kept" in each for each in problems)


def test_a_changed_reason_is_found(out: Path):
    def change(rows: list[Verdict]) -> list[Verdict]:
        return [
            msgspec.structs.replace(row, reason=Reason.TOO_SHORT)
            if row.reason is Reason.NO_TOP1_MATCH
            else row
            for row in rows
        ]

    for index in range(SHARDS):
        rewrite_verdicts(out, index, change)
    problems = verify(out).problems
    assert problems[0] == "The verdicts on mushroom are not as many as stated."
    assert problems[1].startswith("The total of verdicts is ")
    assert len(problems) == 2


@pytest.mark.parametrize("kind", ["verdicts", "candidates"])
@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_accounts_that_cannot_be_read_are_named(out: Path, kind: str, damage: str):
    file = out / kind / f"{kind}-00000-of-00002.parquet"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-20])
    problems = verify(out).problems
    assert problems[0].startswith("The accounts of shard 0 cannot be read: ")
    assert videonet("verify", out).code == 1


# What is no data set.


@pytest.mark.parametrize("name", ["manifest.json", "lookup.json"])
def test_an_unfinished_run_is_refused_in_one_sentence(out: Path, name: str):
    (out / name).unlink()
    assert "holds no finished data set" in sentence(videonet("verify", out))


@pytest.mark.parametrize("name", ["manifest.json", "targets.json"])
def test_a_torn_record_is_refused_in_one_sentence(out: Path, name: str):
    (out / name).write_text('{"version"')
    sentence(videonet("verify", out))


def test_a_folder_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path):
    assert str(tmp_path / "nowhere") in sentence(videonet("verify", tmp_path / "nowhere"))


# What clips span.


def stretched(out: Path, seconds: float, first: int | None) -> None:
    """Make the first clip of a shard begin so much earlier, and say how long its frame is shown."""

    def change(clips: list[Clip]) -> list[Clip]:
        begin = clips[0].clip_end_timestamp - round(seconds * 1_000_000)
        times = (begin, *clips[0].image_timestamp[1:])
        clips[0] = msgspec.structs.replace(
            clips[0],
            clip_start_timestamp=begin,
            image_timestamp=times,
        )
        return clips

    index, output = full_shard(out), DatasetDir(out)
    rewrite_clips(out, index, change)
    state = output.shard_state(index)
    if first is None:
        noted = {}
    else:
        noted = {key: (first, *own[1:]) for key, own in state.first_durations.items()}
        assert noted
    output.write_shard_state(index, msgspec.structs.replace(state, first_durations=noted))


def about_spans(sentences: list[str]) -> list[str]:
    return [each for each in sentences if "spans" in each]


def test_a_clip_that_spans_more_than_its_first_frame_explains_is_found(out: Path):
    stretched(out, 6672, 40_000)
    (found,) = about_spans(verify(out).problems)
    assert "spans 6672.00 s" in found
    assert "10.28 s are the most" in found


def test_a_clip_whose_first_frame_is_shown_long_is_sound(out: Path):
    stretched(out, 30.2, 20_000_000)
    found = verify(out)
    assert about_spans(found.problems) == about_spans(found.warnings) == []


@pytest.mark.parametrize(("seconds", "warned"), [(20.4, False), (20.6, True)])
def test_of_a_data_set_made_before_a_long_span_is_a_warning(
    out: Path, seconds: float, warned: bool
):
    stretched(out, seconds, None)
    found = verify(out)
    assert about_spans(found.problems) == []
    assert len(about_spans(found.warnings)) == warned
    assert (f"spans {seconds:.2f} s" in videonet("verify", out).stdout) == warned
