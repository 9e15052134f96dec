"""videonet.doctor.machine and gpu: what of a run lies on this machine."""

import hashlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import nltk.data
import pytest

from demo.odd_files import write_noise
from demo.train_classifier import MODEL
from tests.doctor.looking import HAS_GPU, NLTK_DATA, PASSWORD, program
from tests.patience import PATIENCE
from tests.storage.servers import fake_gcs
from videonet.classifier.download import RESNET50, Asset
from videonet.classifier.onnx_runtime import onnxruntime
from videonet.doctor.finding import Finding, State, begun, outcome
from videonet.doctor.gpu import look_at_gpu
from videonet.doctor.machine import (
    look_at_classifier,
    look_at_codecs,
    look_at_packages,
    look_at_python,
    look_at_store,
    look_at_wordnet,
    look_for_asset,
)
from videonet.storage.places import open_place

# Python and packages.


def test_this_python_and_its_packages_are_those_that_the_project_asks_for():
    assert look_at_python().state is State.OK
    packages = look_at_packages()
    assert packages.state is State.OK
    for name in ("apache-beam 2.", "av ", "yt-dlp ", "onnxruntime"):
        assert name in packages.found


@pytest.mark.parametrize(
    ("asks", "found"),
    [
        ("no-such-library>=2", "no-such-library is not installed"),
        ("numpy>=999; python_version >= '3'", "numpy is "),
        # What an extra adds is needed, too.
        ("other[more]", "no-such-library is not installed"),
    ],
)
def test_a_package_that_lacks_or_has_outdated_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: str, found: str
):
    for name, needed in {
        "ours": (asks, "elsewhere; sys_platform == 'none'"),
        "other": ("no-such-library; extra == 'more'", "another; extra == 'unasked'"),
    }.items():
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
        lines += [f"Requires-Dist: {each}" for each in needed]
        (folder / "METADATA").write_text("\n".join([*lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    finding = look_at_packages("ours")
    assert finding.state is State.MISSING
    assert finding.found.startswith(found)
    assert ";" not in finding.found
    assert finding.advice


def test_a_library_that_does_not_load_is_a_finding(monkeypatch: pytest.MonkeyPatch):
    assert look_at_codecs().state is State.NOT_NEEDED
    monkeypatch.setitem(sys.modules, "av", None)
    finding = outcome("ffmpeg", begun(look_at_codecs), 60)
    assert finding.state is State.MISSING
    assert "av" in finding.found


def test_whatever_goes_wrong_is_a_finding_without_the_words_of_the_error():
    def look() -> Finding:
        raise RuntimeError(f"http://user:{PASSWORD}@host")

    finding = outcome("x", begun(look), 60)
    assert (finding.state, finding.found) == (State.MISSING, "RuntimeError")


# The classifier.


def test_the_default_classifier_is_missing_until_it_was_fetched_whole(tmp_path: Path):
    content = bytes(1000)
    sha256 = hashlib.sha256(content).hexdigest()
    asset = Asset(name="m.onnx", url_path="m.onnx", bytes=2_000_000, sha256=sha256)
    missing = look_for_asset(asset, tmp_path)
    assert missing.state is State.MISSING
    assert missing.advice == "run 'videonet classifier fetch' (2 MB)"
    (tmp_path / "m.onnx.part").write_bytes(content)
    assert "in part" in look_for_asset(asset, tmp_path).found
    (tmp_path / "m.onnx").write_bytes(b"another")
    damaged = look_for_asset(asset, tmp_path)
    assert (damaged.state, "sha256" in damaged.found) == (State.MISSING, True)
    assert str(damaged.advice).startswith("delete it")
    (tmp_path / "m.onnx").write_bytes(content)
    assert look_for_asset(asset, tmp_path).state is State.OK
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.onnx", "m.onnx.part"]


def test_the_default_classifier_is_looked_for_where_it_would_be_fetched_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path))
    assert look_at_classifier("resnet50").found.startswith(f"{tmp_path / RESNET50.name} is not")


def test_a_file_that_is_a_classifier_is_opened():
    finding = look_at_classifier(str(MODEL))
    assert finding.state is State.OK
    assert "7 classes, 64 x 64 pixels" in finding.found


@pytest.mark.parametrize("name", ["noise.onnx", "nowhere.onnx"])
def test_a_file_that_is_no_classifier_is_missing(tmp_path: Path, name: str):
    write_noise(tmp_path / "noise.onnx")
    look = partial(look_at_classifier, str(tmp_path / name))
    finding = outcome("classifier", begun(look), 60)
    assert finding.state is State.MISSING
    assert name in finding.found
    assert str(finding.advice).startswith("give the path of an ONNX file")


# A GPU.


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_a_gpu_that_is_not_here_is_missing_only_where_it_is_asked_for(
    path: Path, capfd: pytest.CaptureFixture[str]
):
    assert look_at_gpu(needed=False).state is State.OPTIONAL
    asked = look_at_gpu(needed=True)
    assert asked.state is State.MISSING
    assert str(asked.advice).startswith("use --device cpu, or a machine with an NVIDIA GPU")
    # ONNX Runtime's complaints would tear the table.
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_onnx_runtime_complains_as_before_once_a_gpu_was_looked_for(
    path: Path, capfd: pytest.CaptureFixture[str]
):
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime is made without CUDA")
    look_at_gpu(needed=True)
    assert capfd.readouterr().err == ""
    onnxruntime.InferenceSession(MODEL, providers=["CUDAExecutionProvider"])
    assert "Failed to create CUDAExecutionProvider" in capfd.readouterr().err


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
@pytest.mark.parametrize(("needed", "state"), [(True, State.MISSING), (False, State.OPTIONAL)])
def test_a_gpu_that_onnx_runtime_cannot_use_is_named_with_what_is_lacking(
    path: Path, needed: bool, state: State
):
    program(path / "nvidia-smi", "NVIDIA H100 80GB HBM3, 580.65.06")
    finding = look_at_gpu(needed=needed)
    assert finding.state is state
    assert finding.found.startswith("NVIDIA H100 80GB HBM3, driver 580.65.06, but ONNX Runtime")
    assert str(finding.advice).startswith("install CUDA 1")


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="there is no GPU")
def test_a_gpu_that_works_is_found():
    assert look_at_gpu(needed=True).state is State.OK


# WordNet.


@pytest.mark.skipif(not NLTK_DATA.is_dir(), reason="no test material: set VIDEONET_SHARED")
def test_wordnet_is_found_where_nltk_is_told_to_look():
    code = (
        "from videonet.doctor.machine import look_at_wordnet as look; print(look().state, end='')"
    )
    environment = os.environ | {"NLTK_DATA": str(NLTK_DATA)}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "ok"


@pytest.mark.parametrize("damaged", [False, True])
def test_without_wordnet_a_class_list_of_names_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
):
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    if damaged:
        (tmp_path / "corpora" / "wordnet").mkdir(parents=True)
    finding = outcome("WordNet", begun(look_at_wordnet), PATIENCE)
    assert finding.state is State.OPTIONAL
    assert str(finding.advice).startswith("for synsets and nouns, run 'videonet wordnet install'")


# The store.


def test_a_store_is_not_made_by_looking_whether_it_can_be(tmp_path: Path):
    finding = look_at_store(tmp_path / "new" / "store")
    assert finding.state is State.OK
    assert "can be made" in finding.found
    assert list(tmp_path.iterdir()) == []
    assert "can be written" in look_at_store(tmp_path).found
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_is_missing(tmp_path: Path):
    (tmp_path / "taken").write_text("")
    for place in (tmp_path / "taken", tmp_path / "taken" / "below"):
        finding = look_at_store(place)
        assert finding.state is State.MISSING
        assert str(place) in finding.found
        assert finding.advice == "give --store a local folder of yours"


def test_a_store_in_a_bucket_is_asked_for_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    with fake_gcs() as server:
        server.set_environment(monkeypatch)
        bucket = server.make_bucket("of-doctors")
        finding = look_at_store(f"{bucket}/store")
        assert finding.state is State.OK
        assert finding.found.startswith(f"{bucket}/store answers")
        assert f"{tmp_path}/cache/scratch can be made" in finding.found
        assert not list(open_place(bucket).list(""))
        other = outcome("store", begun(lambda: look_at_store("gs://another/store")), PATIENCE)
        assert other.state is State.MISSING
        assert other.found.startswith("There is no bucket gs://another")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_of_somebody_else_is_missing(tmp_path: Path):
    tmp_path.chmod(0o555)
    for place in (tmp_path, tmp_path / "new"):
        assert "cannot be written (Permission denied)" in look_at_store(place).found


def test_a_full_disk_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("videonet.doctor.machine.reserve_of", lambda _: 10**18)
    finding = look_at_store(tmp_path)
    assert finding.state is State.MISSING
    assert "GB free" in finding.found
    assert "free some" in str(finding.advice)
