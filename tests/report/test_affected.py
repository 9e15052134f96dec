"""videonet affected: what holds a video, what was made of it, and what cannot be told."""

import shutil
from pathlib import Path

import pytest

from tests.curated import Curated, curated_once, sentence, videonet
from tests.withdrawing import copied, kept_beside_others, rejected_one
from videonet.dataset.repack import repack
from videonet.dataset.withdraw import withdraw
from videonet.files import sha256_of
from videonet.report import affected as module
from videonet.report.affected import affected
from videonet.schemas.training_note import TrainedOn, TrainingNote


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def copy(curated: Curated, tmp_path: Path) -> Curated:
    return copied(curated, tmp_path)


def trained(run: Path, out: Path) -> Path:
    """What a training on the data set leaves behind, as far as this looks at it."""
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.toml").touch()
    on = TrainedOn(
        dataset="videonet",
        manifest_sha256=sha256_of(out / "manifest.json"),
        videos=3,
        held_out=0,
        clips=4,
        trained_clips=4,
    )
    (run / "training.json").write_bytes(TrainingNote(trained_on=on, sessions=()).to_json())
    return run


def told(root: Path, video: str) -> set[tuple[str, str, bool]]:
    return {
        (each.kind, str(each.folder.relative_to(root)), each.holds)
        for each in affected(video, root).holders
    }


def test_a_data_set_and_a_training_on_it_are_named_by_id_and_by_key(copy: Curated):
    root = copy.folder
    trained(root / "runs/one", copy.out)
    verdict, _ = kept_beside_others(copy.out)
    expected = {("data set", "out", True), ("training", "runs/one", True)}
    assert told(root, verdict.video_key) == told(root, verdict.video.video_id) == expected
    ended = videonet("affected", verdict.video.video_id, "--root", root)
    assert ended.code == 1
    assert f"data set  {copy.out}  kept for {verdict.target_id}" in ended.stdout
    assert f"training  {root / 'runs/one'}  on {copy.out}, which held it then" in ended.stdout


def test_nothing_holds_a_video_that_was_rejected_or_is_unknown(copy: Curated):
    for video in (rejected_one(copy.out).video_key, "nobody's"):
        ended = videonet("affected", video, "--root", copy.folder)
        assert (ended.code, ended.stderr) == (0, "")
        assert "1 folder looked at: 0 of them hold" in ended.stdout


def test_after_a_withdrawal_what_was_trained_before_is_named_and_nothing_after_it(copy: Curated):
    root = copy.folder
    first, second = kept_beside_others(copy.out)
    trained(root / "before", copy.out)
    withdraw(copy.out, [first.video_key], copy.store)
    trained(root / "between", copy.out)
    withdraw(copy.out, [second.video.video_id], copy.store)
    trained(root / "after", copy.out)
    assert told(root, first.video_key) == {("training", "before", True)}
    expected = {("training", "before", True), ("training", "between", True)}
    assert told(root, second.video_key) == told(root, second.video.video_id) == expected


def test_what_was_made_of_a_data_set_that_held_it_is_named_too(copy: Curated):
    root = copy.folder
    verdict, _ = kept_beside_others(copy.out)
    repack(str(copy.out), str(root / "second"), 1)
    withdraw(root / "second", [verdict.video_key], copy.store)
    repack(str(root / "second"), str(root / "third"), 2)
    trained(root / "run", root / "third")
    assert told(root, verdict.video_key) == {
        ("data set", "out", True),
        ("data set", "second", False),
        ("data set", "third", False),
    }


def test_what_cannot_be_told_is_said_and_has_an_exit_code_of_its_own(copy: Curated):
    root = copy.folder
    trained(root / "elsewhere", copy.out)
    trained(root / "damaged", copy.out)
    (root / "damaged/training.json").write_text("{")
    (root / "older/checkpoints").mkdir(parents=True)
    (root / "older/config.toml").touch()
    shutil.copytree(copy.out, root / "unfinished")
    (root / "unfinished/manifest.json").unlink()
    (copy.out / "manifest.json").write_text("{")
    ended = videonet("affected", "anything", "--root", root)
    assert ended.code == 3
    said = [each for each in ended.stdout.splitlines() if each.startswith("not told: ")]
    assert len(said) == 5
    for words in (
        "manifest.json is damaged",
        "is no note of a training",
        "it is elsewhere, or was changed since by a run",
        "of an earlier version",
        "is an unfinished data set",
    ):
        assert any(words in each for each in said), words


def test_links_are_not_followed_and_the_walk_is_bounded(
    copy: Curated, monkeypatch: pytest.MonkeyPatch
):
    root = copy.folder / "root"
    root.mkdir()
    (root / "link").symlink_to(copy.out, target_is_directory=True)
    (root / "loop").symlink_to(root, target_is_directory=True)
    verdict, _ = kept_beside_others(copy.out)
    found = affected(verdict.video_key, root)
    assert (found.holders, found.untold, found.looked_at) == ([], [], 0)
    monkeypatch.setattr(module, "MOST_FOLDERS", 2)
    for name in ("a", "b", "c"):
        (root / name).mkdir()
    assert "more than 2 folders" in affected("v", root).untold[0]
    monkeypatch.setattr(module, "MOST_DEPTH", 0)
    assert "lies deep" in affected("v", root).untold[0]


@pytest.mark.parametrize(
    ("beside", "place"),
    [
        *(("records/note.txt", "video/out"), ("side/note.txt", "records/out")),
        *(("config.toml", "clips/out"), ("config.toml", "checkpoints/out")),
        *(("export.json", "sets/out"), ("training.json", "checkpoints/out")),
    ],
)
def test_what_only_looks_like_a_store_a_training_or_an_export_hides_nothing(
    copy: Curated, beside: str, place: str
):
    root = copy.folder / "root"
    (root / beside).parent.mkdir(parents=True)
    (root / beside).write_text("{}" if beside.endswith("json") else "")
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    copy.out.rename(root / place)
    verdict, _ = kept_beside_others(root / place)
    assert told(root, verdict.video_key) == {("data set", place, True)}
    said = affected(verdict.video_key, root).untold
    assert bool(said) is (beside.endswith("json") or place.startswith("checkpoints"))


def test_the_folders_of_a_store_are_not_looked_into(copy: Curated, monkeypatch: pytest.MonkeyPatch):
    root = copy.folder / "store-alone"
    (root / "tmp").mkdir(parents=True)
    for number in range(200):
        (root / f"record/{number:02x}").mkdir(parents=True)
        (root / f"side/thumbnail/{number:02x}").mkdir(parents=True)
    monkeypatch.setattr(module, "MOST_FOLDERS", 10)
    assert affected("v", root).untold == []


def test_the_name_of_a_folder_does_not_end_a_line(copy: Curated):
    root = copy.folder / "a\nnot told: \x1b[2Jnothing"
    root.mkdir()
    copy.out.rename(root / "out")
    verdict, _ = kept_beside_others(root / "out")
    ended = videonet("affected", verdict.video_key, "--root", root)
    assert ended.code == 1
    assert len(ended.stdout.splitlines()) == 2
    assert "\x1b" not in ended.stdout


def test_a_root_that_is_not_there_is_a_sentence(tmp_path: Path):
    assert "There is no folder" in sentence(videonet("affected", "v", "--root", tmp_path / "none"))
