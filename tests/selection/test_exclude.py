"""videonet curate --exclude: what lists name is rejected before anything is downloaded."""

import json
from pathlib import Path

import pytest

from tests.curated import Curated, Ended, sentence, videonet
from tests.curating import bytes_of, frames_classified, verdicts_of
from tests.withdrawing import (
    again,
    assert_sound,
    clips_of,
    kept_beside_others,
    outcomes,
    tree,
)
from videonet.errors import UsageError
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.exclusion import ExcludedSet
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.video_info import VideoInfo
from videonet.selection.exclusion import Excluded, listed_files, load_exclusion
from videonet.storage.store import Store


def candidate(**video: str) -> Candidate:
    said = {"video_id": "x", "url": "https://example.org/x", "title": "A black swan", **video}
    match = Match(target_id="t", names=("black swan",), title=None, query=None, rank=0)
    return Candidate(
        video_key="youtube:dQw4w9WgXcQ",
        video=VideoInfo(**said),
        source="catalogue",
        sha256=None,
        matches=(match,),
    )


@pytest.mark.parametrize(
    "excluded",
    [
        Excluded(ids=frozenset({"x"})),
        Excluded(ids=frozenset({"dQw4w9WgXcQ"})),
        Excluded(keys=frozenset({"youtube:dQw4w9WgXcQ"})),
        Excluded(keys=frozenset({"url:former"})),
        Excluded(channels=frozenset({"birds tv"})),
    ],
    ids=["its id", "its id at the site", "its key", "a former key", "its channel"],
)
def test_a_video_is_excluded_by_any_of_its_names(excluded: Excluded):
    assert excluded.named_by(candidate(channel="Birds  TV"), ["url:former"])
    assert not Excluded().named_by(candidate(channel="Birds TV"), ["url:former"])
    other = Excluded(frozenset({"url:x"}), frozenset({"y"}), frozenset({"cats tv"}))
    assert not other.named_by(candidate(channel="Birds TV"))


def test_files_are_given_several_times_or_by_commas():
    given = ["a.csv, b.csv", "c,d.csv", "a.csv"]
    assert listed_files(given, are_there=lambda name: name == "c,d.csv") == [
        *("a.csv", "b.csv", "c,d.csv")
    ]


def lists(copy: Curated, text: str, name: str = "evaluation.txt") -> list[str]:
    """The values of --exclude for a list with this text."""
    file = copy.folder / name
    file.write_text(text)
    return [str(file)]


@pytest.mark.slow
def test_a_growing_list_changes_verdicts_without_a_download_or_a_scan(
    curated: Curated, copy: Curated
):
    before, seen = bytes_of(copy.out), frames_classified()
    one, other = kept_beside_others(copy.out)
    exclude = lists(copy, one.video.video_id + "\n")
    manifest = again(curated, copy, exclude=exclude)
    assert outcomes(copy.out, one.video_key) == {(Outcome.REJECTED, Reason.EXCLUDED)}
    assert outcomes(copy.out, other.video_key) == {(Outcome.KEPT, None)}
    assert not clips_of(copy.out, one.video_key)
    assert clips_of(copy.out, other.video_key)
    assert_sound(copy.out)
    assert manifest.settings.excluded.names == ("evaluation.txt",)
    assert (manifest.settings.excluded.videos, manifest.settings.excluded.channels) == (1, 0)
    # The list grows, and then goes.
    exclude = lists(copy, f"{one.video.video_id}\n{other.video.video_id}\n")
    again(curated, copy, exclude=exclude)
    assert outcomes(copy.out, other.video_key) == {(Outcome.REJECTED, Reason.EXCLUDED)}
    again(curated, copy)
    assert bytes_of(copy.out) == before
    assert frames_classified() == seen


def test_what_is_excluded_is_never_fetched(curated: Curated, tmp_path: Path):
    copy = Curated(tmp_path, curated.result)
    (name, *_) = sorted(file.name for file in (curated.folder / "videos").iterdir())
    again(curated, copy, exclude=lists(copy, name))
    excluded = [each for each in verdicts_of(copy.out) if each.reason is Reason.EXCLUDED]
    assert excluded
    for verdict in excluded:
        assert "in an excluded list" in verdict.error
        record = Store(copy.store).record(verdict.video_key).record
        assert (record.fetch, record.length, dict(record.sections)) == (None, None, {})


def command(curated: Curated, copy: Curated, *more: str | Path) -> Ended:
    """The command that made `curated`, over its copy."""
    configuration = curated.folder / "run.toml"
    places = ("--store", copy.store, "--out", copy.out)
    return videonet(*curated.request, "--config", configuration, *places, *more)


@pytest.mark.slow
def test_the_same_command_has_nothing_to_do_until_its_list_changes(curated: Curated, copy: Curated):
    one, other = kept_beside_others(copy.out)
    (file,) = lists(copy, one.video.video_id + "\na list of mine\n")
    first = command(curated, copy, "--exclude", file)
    assert first.code == 0, first.stderr
    said = "evaluation.txt excludes 1 video; 1 line not understood, the first is 2"
    assert said in first.stderr
    state = (copy.out / "run.json").read_bytes()
    second = command(curated, copy, "--exclude", file)
    assert second.code == 0
    assert (copy.out / "run.json").read_bytes() == state
    lists(copy, f"{one.video.video_id}\n{other.video.video_id}\n")
    third = command(curated, copy, "--exclude", file)
    assert third.code == 0, third.stderr
    assert outcomes(copy.out, other.video_key) == {(Outcome.REJECTED, Reason.EXCLUDED)}


@pytest.mark.slow
def test_a_lock_file_of_such_a_data_set_needs_no_list(curated: Curated, copy: Curated):
    one, _ = kept_beside_others(copy.out)
    again(curated, copy, exclude=lists(copy, one.video.video_id))
    rebuilt = copy.folder / "rebuilt"
    ended = videonet(
        *("rebuild", copy.out / "videos.lock.parquet", "--out", rebuilt),
        *("--store", copy.folder / "other", "--files-root", curated.folder / "videos"),
    )
    assert ended.code == 0, ended.stderr
    wanted = {name: each for name, each in bytes_of(copy.out).items() if name != "manifest.json"}
    found = bytes_of(rebuilt)
    del found["manifest.json"]
    assert found == wanted


def test_a_store_without_the_list_is_one_sentence(tmp_path: Path):
    nothing = ExcludedSet(sha256="0" * 64, names=(), videos=1, channels=0)
    store = Store(tmp_path)
    with pytest.raises(UsageError, match="does not have the excluded list 000000000000"):
        load_exclusion(store, nothing)
    store.write(f"excluded/{'0' * 64}.json", b"{}")
    with pytest.raises(UsageError, match="is damaged"):
        load_exclusion(store, nothing)


def test_without_lists_nothing_of_them_is_written(curated: Curated):
    assert b"exclu" not in (curated.out / "manifest.json").read_bytes()
    given = json.loads((curated.out / "_state" / "given.json").read_text())["given"]
    assert '"exclude' not in given["options"]
    assert not [name for name in given if "exclu" in name]


def test_a_list_that_is_not_there_is_one_sentence_before_any_work(curated: Curated, copy: Curated):
    before = tree(copy.out)
    ended = command(curated, copy, "--exclude", copy.folder / "none.csv")
    assert sentence(ended).endswith("none.csv, given with --exclude.")
    assert tree(copy.out) == before
