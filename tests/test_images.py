"""docker/: what images are made of are the versions of the lock files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAUNCHER = ROOT / "docker/launcher.Dockerfile"
FILES = sorted(set((ROOT / "docker").glob("*.Dockerfile")) - {LAUNCHER})


def instructions(file: Path) -> list[str]:
    """The instructions of a Dockerfile, each in one line."""
    text = re.sub(r"^#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def bases(file: Path) -> list[str]:
    """What a Dockerfile begins from."""
    return [line.split()[1] for line in instructions(file) if line.startswith("FROM")]


def locked(lock: str, package: str) -> str:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8")
    (version,) = set(re.findall(rf"^{package}==(\S+)", text, re.MULTILINE))
    return str(version)


def test_the_worker_has_the_beam_of_the_lock_file():
    (base,) = bases(ROOT / "docker/worker.Dockerfile")
    assert base == f"docker.io/apache/beam_python3.11_sdk:{locked('base', 'apache-beam')}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_all_bases_are_pinned_and_have_the_python_of_the_lock_files(file: Path):
    (base,) = bases(file)
    assert re.search(r"python:?3\.11[._]", base), base
    assert re.search(r":\d+\.\d+\.\d+", base), base
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "--python-version 3.11" in makefile


def test_the_launcher_is_a_worker_with_googles_program_and_nothing_else():
    google, worker = bases(LAUNCHER)
    assert worker == "${WORKER}"
    assert re.fullmatch(r"gcr\.io/\S+/python311-template-launcher-base:\w+_2\d{7}_RC\d+", google)
    kinds = [line.split()[0] for line in instructions(LAUNCHER)]
    assert kinds == ["ARG", "FROM", "FROM", "COPY", "ENV"]
    # What it runs is what the worker has installed.
    variables = "\n".join(instructions(ROOT / "docker/worker.Dockerfile"))
    (packages,) = re.findall(r"(/usr/local/lib/python3\.11/site-packages)/nvidia", variables)
    assert f"={packages}/videonet/pipelines/curate.py" in LAUNCHER.read_text("utf-8")
    assert (ROOT / "videonet/pipelines/curate.py").is_file()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_installed_that_no_lock_file_has(file: Path):
    installs = [
        part
        for line in instructions(file)
        if line.startswith("RUN")
        for part in re.split(r"&&|;", line.removeprefix("RUN"))
        if "pip install" in part
    ]
    assert len(installs) >= 2
    for each in installs:
        locks = re.findall(r"-r (\S+)", each)
        if locks:
            assert "--require-hashes" in each
            assert all((ROOT / lock).is_file() for lock in locks)
            assert any(line.startswith("COPY") and locks[0] in line for line in instructions(file))
        else:
            assert {"--no-deps", "--no-build-isolation", "."} <= set(each.split())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_images_run_as_nobody_special_and_tell_nobody(file: Path):
    lines = instructions(file)
    users = [line for line in lines if line.startswith("USER")]
    assert users == ["USER 1000"]
    assert not any("pip" in line for line in lines[lines.index(users[0]) :])
    environment = " ".join(line for line in lines if line.startswith("ENV"))
    assert {"ORT_DISABLE_TELEMETRY=1", "HF_HUB_DISABLE_TELEMETRY=1"} <= set(environment.split())


def test_the_gpu_image_has_the_cuda_that_onnx_runtime_is_made_for():
    onnxruntime = pytest.importorskip("videonet.classifier.onnx_runtime").onnxruntime
    assert locked("gpu", "onnxruntime-gpu") == locked("base", "onnxruntime-gpu")
    major = (onnxruntime.cuda_version or "13").partition(".")[0]
    assert locked("gpu", "nvidia-cuda-runtime").partition(".")[0] == major
    assert locked("gpu", f"nvidia-cudnn-cu{major}").startswith("9.")
    text = (ROOT / "docker/worker.Dockerfile").read_text("utf-8")
    assert f"/cu{major}/lib" in text


def test_a_build_is_sent_what_images_are_made_of_and_nothing_else():
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        name.partition("/")[0].rstrip("*")
        for file in FILES
        for line in instructions(file)
        if line.startswith("COPY")
        for name in line.split()[1:-1]
    }
    assert copied == allowed
