"""videonet.cli: wrong input is one sentence and exit code 2, and help says what there is."""

import json
import subprocess
from pathlib import Path

import filelock
import onnx
import pyarrow.parquet as pq
import pytest

from demo.odd_files import write_noise
from demo.train_classifier import MODEL
from tests.curated import VIDEONET, Curated, curated_once, sentence, videonet
from videonet.dataset.verify import verify
from videonet.schemas.reason import Reason
from videonet.storage.dataset_dir import DatasetDir


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def catalogue(folder: Path, *lines: str) -> str:
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return f"catalogue:{folder / 't.csv'}"


# A run.


def test_a_run_says_what_became_of_each_class_and_where_things_lie(curated: Curated):
    said = curated.result.stdout
    assert "Candidates by class" in said
    assert (
        "4 titles looked at; 4 videos found, 3 kept; 4 clips of 3 videos in 2 shards, "
        "as parquet and tfrecord." in said
    )
    assert "The quota of 50 videos was not filled for 3 of 3 classes." in said
    for place in ("clips/", "verdicts/", "manifest.json"):
        assert f"{curated.out}/{place}" in said


def test_values_of_a_configuration_count(curated: Curated):
    # shards = 2 and per_class = 50 stand in the file alone.
    settings = json.loads((curated.out / "_state/run.json").read_bytes())["settings"]
    assert (settings["shards"], settings["per_class"]) == (2, 50)
    assert len(list((curated.out / "clips/parquet").iterdir())) == 2


def test_a_run_of_which_most_failed_ends_with_3_and_the_commonest_reason(
    asked: list[str], tmp_path: Path
):
    ended = videonet(*asked)
    assert ended.code == 3
    said = " ".join(ended.stdout.split())
    why = "There is no clip: of 1 candidate none was kept, the commonest reason is not_a_video (1)"
    assert why in said
    assert f": {Reason.NOT_A_VIDEO.explanation}. {Reason.NOT_A_VIDEO.advice} The error" in said
    (file,) = (tmp_path / "out" / "verdicts").iterdir()
    assert pq.read_table(file)["reason"].to_pylist() == ["not_a_video"]


def test_wrong_input_is_a_sentence_of_the_command_itself(asked: list[str]):
    command = [VIDEONET, *asked, "--source", "vimeo:cats"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "videonet: There is no source 'vimeo:cats'; use youtube, search:PREFIX, "
        "catalogue:FILE, folder:DIR or store.\n"
    )


# What is asked for.


@pytest.mark.parametrize("line", ["giraffe", "giraffe: long neck", "ballon"])
def test_a_target_that_no_output_confirms_is_named(asked: list[str], tmp_path: Path, line: str):
    (tmp_path / "classes.txt").write_text(f"balloon\n{line}\n")
    said = sentence(videonet(*asked))
    assert f"line 2 ({line.partition(':')[0]}): no output of the classifier confirms it" in said
    assert ("did you mean balloon?" in said) is (line == "ballon")


def test_a_class_list_that_is_not_there_is_named(asked: list[str], tmp_path: Path):
    said = sentence(videonet(*asked, "--targets", tmp_path / "nowhere.txt"))
    assert str(tmp_path / "nowhere.txt") in said


def test_a_catalogue_without_a_title_column_is_refused(asked: list[str], tmp_path: Path):
    source = catalogue(tmp_path, "id,url,views", "a,https://x/a.mp4,balloon")
    said = sentence(videonet(*asked, "--source", source))
    assert "lacks title and has: id, url, views." in said


def test_a_run_says_which_columns_it_takes_and_which_files_it_passes_over(
    asked: list[str], tmp_path: Path
):
    source = catalogue(tmp_path, "videoid;contentUrl;caption", "a;https://x/a.mp4;bread")
    said = videonet(*asked, "--source", source).stderr
    assert "id is read from the column 'videoid'; url is read from the column 'contentUrl'" in said
    (tmp_path / "videos" / "notes.txt").write_text("")
    others = ("--out", tmp_path / "other")
    assert "1 file without the name of a video is passed over: 1 .txt." in (
        videonet(*asked, *others).stderr
    )


def test_a_matched_local_file_without_files_root_is_refused(asked: list[str], tmp_path: Path):
    # The first row names no class, so that it does not matter where its file is.
    source = catalogue(tmp_path, "id,url,title", "a,a.mp4,bread", "b,sub/b.mp4,A balloon")
    said = sentence(videonet(*asked, "--source", source))
    assert "Row 2 gives 'sub/b.mp4', which is no http(s) url" in said
    assert "--files-root DIR" in said
    assert not (tmp_path / "out" / "lookup.json").exists()


def test_the_same_id_with_different_urls_is_refused_naming_both(asked: list[str], tmp_path: Path):
    source = catalogue(
        tmp_path, "id,url,title", "a,https://x/1.mp4,A balloon", "a,https://x/2.mp4,My balloon"
    )
    said = sentence(videonet(*asked, "--source", source))
    assert "https://x/1.mp4 in row 1 and https://x/2.mp4 in row 2" in said


@pytest.mark.parametrize("source", ["vimeo:cats", "catalogue", "folder:", "store:x", ""])
def test_an_unknown_source_is_refused_with_those_that_there_are(asked: list[str], source: str):
    said = sentence(videonet(*asked, "--source", source))
    assert f"{source!r}; use youtube, search:PREFIX, catalogue:FILE, folder:DIR" in said


def test_a_store_that_knows_nothing_is_no_source_yet(asked: list[str]):
    for source in ("store", "store:"):
        assert "knows no videos yet" in sentence(videonet(*asked, "--source", source))


def test_an_unknown_format_is_refused_with_those_that_there_are(asked: list[str]):
    said = sentence(videonet(*asked, "--format", "parquet, webdataset"))
    assert "no format 'webdataset'; use parquet or tfrecord" in said


def test_a_file_that_is_no_classifier_is_refused(asked: list[str], tmp_path: Path):
    write_noise(tmp_path / "noise.onnx")
    assert "noise.onnx: cannot be opened as an ONNX model" in sentence(
        videonet(*asked, "--classifier", tmp_path / "noise.onnx")
    )
    assert "nowhere.onnx" in sentence(videonet(*asked, "--classifier", tmp_path / "nowhere.onnx"))


def test_an_onnx_model_that_classifies_nothing_we_know_is_refused(asked: list[str], tmp_path: Path):
    onnx.save(onnx.load(MODEL), tmp_path / "bare.onnx")
    said = sentence(videonet(*asked, "--classifier", tmp_path / "bare.onnx"))
    assert "not ImageNet's 1,000 classes" in said
    assert "bare.json" in said


# Folders.


@pytest.mark.parametrize("option", ["--store", "--out"])
def test_a_file_in_the_place_of_a_folder_is_refused(asked: list[str], tmp_path: Path, option: str):
    (tmp_path / "taken").write_text("")
    for place in (tmp_path / "taken", tmp_path / "taken" / "below"):
        said = sentence(videonet(*asked, option, place))
        assert f"{place} cannot be written" in said


def test_too_little_disk_is_refused(asked: list[str]):
    said = sentence(videonet(*asked, "--disk-budget", "999TB"))
    assert "999.0 TB are wanted" in said
    assert "--disk-budget" in said


def test_what_was_refused_leaves_no_settings_in_out(asked: list[str], tmp_path: Path):
    sentence(videonet(*asked, "--disk-budget", "999TB"))
    assert not (tmp_path / "out" / "_state").exists()
    assert videonet(*asked, "--per-class", "7").code == 3


def test_settings_may_change_until_there_is_a_candidate_list(asked: list[str], tmp_path: Path):
    # A request that is found wrong while titles are read: nothing was made with its settings.
    source = catalogue(tmp_path, "id,url,title", "a,a.mp4,A balloon")
    sentence(videonet(*asked, "--source", source, "--shards", "3"))
    before = DatasetDir(tmp_path / "out").run_state()
    assert videonet(*asked, "--shards", "2").code == 3
    after = DatasetDir(tmp_path / "out").run_state()
    assert before is not None
    assert after is not None
    assert (before.settings.shards, after.settings.shards) == (3, 2)
    assert before.run_id != after.run_id
    # Now there is one.
    assert "shards was 2, is 3" in sentence(videonet(*asked, "--shards", "3"))


def test_settings_may_not_change_once_a_shard_is_finished(asked: list[str], tmp_path: Path):
    videonet(*asked, "--shards", "2")
    for name in ("lookup.json", "manifest.json"):
        (tmp_path / "out" / name).unlink()
    assert "shards was 2, is 3" in sentence(videonet(*asked, "--shards", "3"))


def test_what_an_interrupted_listing_left_does_not_mix_with_the_next(
    asked: list[str], tmp_path: Path
):
    videonet(*asked, "--shards", "2")
    out = tmp_path / "out"
    (out / "lookup.json").unlink()
    (out / "manifest.json").unlink()
    for name in (
        "candidates/candidates-00002-of-00003.parquet",
        "verdicts/verdicts-00002-of-00003.parquet",
        "clips/parquet/clips-00002-of-00003.parquet",
        "clips/tfrecord/.clips-00002-of-00003.tfrecord.tmp",
        "clips/notes.txt",
    ):
        (out / name).write_text("left over")
    assert videonet(*asked, "--shards", "2").code == 3
    assert not list(out.glob("*/**/*-of-00003*"))
    assert (out / "clips/notes.txt").exists()
    assert verify(out).problems == []


@pytest.mark.parametrize("option", ["--store", "--out"])
def test_object_storage_is_refused_and_no_folder_is_named_after_it(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
):
    monkeypatch.chdir(tmp_path)
    said = sentence(videonet(*asked, option, "gs://bucket/folder"))
    assert "object storage" in said or "gs://bucket/folder" in said
    assert not (tmp_path / "gs:").exists()


@pytest.mark.parametrize(
    "typed",
    [
        ("train", "--data", "out", "--out", "gs://bucket/run"),
        ("show", "out", "yacht", "--to", "gs://bucket/page.html"),
        ("rebuild", "lock", "--store", "s", "--out", "o", "--scratch", "gs://bucket/scratch"),
    ],
)
def test_what_must_be_a_path_is_no_address(
    typed: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert f"{typed[-1]} is an address, and this must lie on this machine" in sentence(
        videonet(*typed)
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["store", "out"])
def test_another_run_that_wants_the_same_folder_for_itself_is_not_disturbed(
    asked: list[str], tmp_path: Path, place: str
):
    (tmp_path / place).mkdir()
    with filelock.FileLock(tmp_path / place / ".lock"):
        said = sentence(videonet(*asked))
    assert f"Another run is at work in {tmp_path / place}" in said
    assert not (tmp_path / "out" / "_state").exists()


def test_other_settings_with_the_same_out_are_refused_naming_what_differs(curated: Curated):
    before = (curated.out / "_state/run.json").read_bytes()
    same = ("--shards", "2", "--per-class", "50")
    said = sentence(videonet(*curated.request, *same, "--per-class", "7"))
    assert f"{curated.out} was made with other settings (per_class was 50, is 7);" in said
    assert "choose another --out" in said
    said = sentence(videonet(*curated.request, *same, "--frames", "9", "--min-seconds", "3"))
    assert "(min_seconds was 10.0, is 3.0, frames was 100, is 9);" in said
    assert (curated.out / "_state/run.json").read_bytes() == before
    assert (curated.out / "manifest.json").exists()


def test_another_classifier_with_the_same_out_is_refused_naming_both(
    curated: Curated, tmp_path: Path
):
    onnx.save(onnx.load(MODEL), tmp_path / "other.onnx")
    (tmp_path / "other.json").write_bytes(MODEL.with_suffix(".json").read_bytes())
    same = ("--shards", "2", "--per-class", "50", "--classifier", tmp_path / "other.onnx")
    said = sentence(videonet(*curated.request, *same))
    assert "(classifier was classifier (" in said
    assert "is other (" in said


# Configuration.


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("per-clas = 3", "'per-clas', which is no option; did you mean 'per-class'?"),
        ("max_secods = 3", "did you mean 'min-seconds'?"),
        ("xyzzy = 3", "options are: targets, source, "),
        ('config = "other.toml"', "'config', which is no option"),
    ],
)
def test_an_unknown_key_of_a_configuration_is_named_with_the_nearest(
    asked: list[str], tmp_path: Path, line: str, hint: str
):
    (tmp_path / "run.toml").write_text(line + "\n")
    assert hint in sentence(videonet(*asked, "--config", tmp_path / "run.toml"))


@pytest.mark.parametrize("content", ["per-class = ", None, b"\xff"])
def test_a_configuration_that_cannot_be_read_is_named(
    asked: list[str], tmp_path: Path, content: str | bytes | None
):
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "run.toml").write_bytes(data)
    said = sentence(videonet(*asked, "--config", tmp_path / "run.toml"))
    assert f"{tmp_path / 'run.toml'} cannot be read" in said


@pytest.mark.parametrize("key", ["format", "formats"])
def test_an_option_is_called_in_a_configuration_as_it_is_typed(
    asked: list[str], tmp_path: Path, key: str
):
    (tmp_path / "run.toml").write_text(f'{key} = ["parquet", "webdataset"]\n')
    said = sentence(videonet(*asked, "--config", tmp_path / "run.toml"))
    assert ("no format 'webdataset'" in said) is (key == "format")
    assert ("did you mean 'format'?" in said) is (key == "formats")


def test_what_is_typed_wins_over_a_configuration(asked: list[str], tmp_path: Path):
    (tmp_path / "run.toml").write_text('format = "webdataset"\ndisk-budget = "999TB"\n')
    configured = (*asked, "--config", tmp_path / "run.toml")
    assert "no format 'webdataset'" in sentence(videonet(*configured))
    assert "no format 'avi'" in sentence(videonet(*configured, "--format", "avi"))
    # With a format that there is, the other value of the file is what is wrong.
    assert "999.0 TB" in sentence(videonet(*configured, "--format", "parquet"))


def test_a_configuration_may_give_what_must_be_given(asked: list[str], tmp_path: Path):
    (tmp_path / "run.toml").write_text(f'targets = "{tmp_path / "nowhere.txt"}"\n')
    without = [each for each in asked if each not in ("--targets", str(tmp_path / "classes.txt"))]
    said = sentence(videonet(*without, "--config", tmp_path / "run.toml"))
    assert str(tmp_path / "nowhere.txt") in said


@pytest.mark.parametrize(
    ("option", "value"),
    [("--per-class", "many"), ("--per-class", "0"), ("--max-bytes", "huge"), ("--keep", "some")],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(
    asked: list[str], tmp_path: Path, option: str, value: str
):
    ended = videonet(*asked, option, value)
    assert ended.code == 2
    assert option in ended.stderr
    (tmp_path / "run.toml").write_text(f'{option.lstrip("-")} = "{value}"\n')
    ended = videonet(*asked, "--config", tmp_path / "run.toml")
    assert ended.code == 2
    assert option in ended.stderr
    assert "Traceback" not in ended.stderr


# Other commands.


def test_targets_shows_names_and_what_confirms_them(tmp_path: Path):
    (tmp_path / "classes.txt").write_text("balloon: hot air balloon\nmushroom\n")
    ended = videonet("targets", tmp_path / "classes.txt", "--classifier", MODEL)
    assert (ended.code, ended.stderr) == (0, "")
    said = " ".join(ended.stdout.split())
    for word in ("balloon", "hot air balloon", "mushroom", "1: 4 mushroom"):
        assert word in said


def test_targets_and_classifier_show_refuse_what_is_wrong_in_one_sentence(tmp_path: Path):
    (tmp_path / "classes.txt").write_text("giraffe\n")
    assert "giraffe" in sentence(
        videonet("targets", tmp_path / "classes.txt", "--classifier", MODEL)
    )
    assert "nowhere.onnx" in sentence(videonet("classifier", "show", tmp_path / "nowhere.onnx"))


def test_classifier_show_shows_its_input_and_labels():
    ended = videonet("classifier", "show", MODEL)
    assert ended.code == 0
    assert "balloon" in ended.stdout
