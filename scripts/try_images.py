"""Builds the images of docker/ and runs commands in them, where no registry can be asked.

    python -m scripts.try_images worker gpu trainer

Their bases are stand-ins: Debian with its Python 3.11, under the names of the real ones. Needs
root, buildah and debootstrap (`apt-get install buildah debootstrap`), and 10 GB for each image.
Whether a real base has what the stand-in has, this does not tell.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build/images"

# Which file makes an image, and with which arguments.
IMAGES = {
    "worker": ("worker", {"WORDNET": "yes", "CLASSIFIER": "classifier.onnx"}),
    "gpu": ("worker", {"ACCELERATOR": "gpu"}),
    "trainer": ("trainer", {}),
}

# What this machine needs to reach its package index, an image under test needs, too.
_OF_THIS_MACHINE = ("/etc/ssl/certs", "/etc/pip.conf")

# A virtual environment at /usr/local has all in the places of Python's own images. Beam's start is
# a program of its own; the stand-in starts what that starts.
_STAND_IN = """\
FROM scratch
COPY debian/ /
RUN python3 -m venv --copies /usr/local && pip install --no-cache-dir --upgrade pip setuptools
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
RUN mkdir -p /opt/apache/beam && \\
    printf '#!/bin/sh\\nexec python -m apache_beam.runners.worker.worker_pool_main "$@"\\n' \\
      > /opt/apache/beam/boot && \\
    chmod 755 /opt/apache/beam/boot
ENTRYPOINT ["/opt/apache/beam/boot"]
"""

# ONNX Runtime's part for CUDA, and each library that it needs, by the loader's own path. What is
# missing at last is the driver, which is the machine's.
_LOAD_CUDA = """\
import ctypes, pathlib, onnxruntime
for each in ("cudart.so.13", "cublasLt.so.13", "cublas.so.13", "curand.so.10", "cufft.so.12",
             "nvrtc.so.13", "cudnn.so.9"):
    ctypes.CDLL(f"lib{each}")
library = pathlib.Path(onnxruntime.__file__).parent / "capi/libonnxruntime_providers_cuda.so"
try:
    ctypes.CDLL(str(library))
except OSError as error:
    assert "libcuda.so.1" in str(error), error
print("CUDA and cuDNN are there, and the driver is the machine's")
"""


def main(images: Sequence[str]) -> int:
    """Build and try these images, one after the other; the first fault ends it."""
    for program in ("buildah", "debootstrap"):
        if shutil.which(program) is None:
            print(f"no {program} here: apt-get install buildah debootstrap")  # noqa: T201
            return 1
    _make_debian()
    for image in images:
        begun = time.monotonic()
        file, arguments = IMAGES[image]
        _make_stand_in(_base_of(ROOT / f"docker/{file}.Dockerfile"))
        context = _context()
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        _build(context, f"docker/{file}.Dockerfile", f"videonet-{image}", *given)
        built = time.monotonic()
        _try(image)
        print(f"{image}: built in {built - begun:.0f} s, and tried")  # noqa: T201
    return 0


def _base_of(dockerfile: Path) -> str:
    """The name of an image's base."""
    (name,) = re.findall(r"^FROM (\S+)", dockerfile.read_text("utf-8"), re.MULTILINE)
    return str(name)


def _make_debian() -> None:
    """Debian 12's files, by its own means."""
    debian = FOLDER / "base/debian"
    if debian.is_dir():
        return
    draft = FOLDER / "base/draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    packages = "--include=python3,python3-venv,ca-certificates"
    _run("debootstrap", "--variant=minbase", packages, "bookworm", str(draft))
    draft.rename(debian)


def _make_stand_in(name: str) -> None:
    known = _buildah("images", "--format", "{{.Name}}:{{.Tag}}", capture=True).split()
    if name not in known:
        (FOLDER / "base/Dockerfile").write_text(_STAND_IN, "utf-8")
        _build(FOLDER / "base", "Dockerfile", name)


def _context() -> Path:
    """What a checkout with a classifier would send."""
    context = FOLDER / "context"
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir()
    for name in ("videonet", "requirements", "docker"):
        shutil.copytree(ROOT / name, context / name)
    for name in ("README.md", "pyproject.toml", "setup.py", ".dockerignore"):
        shutil.copy(ROOT / name, context)
    (context / "classifier").mkdir()
    for name in ("classifier.onnx", "classifier.json"):
        shutil.copy(ROOT / "demo" / name, context / "classifier")
    return context


def _build(context: Path, file: str, tag: str, *given: str) -> None:
    volumes = [f"--volume={each}:{each}:ro" for each in _OF_THIS_MACHINE if Path(each).exists()]
    how = ("--isolation=chroot", "--pull-never")
    _buildah("bud", *how, *volumes, *given, "-f", str(context / file), "-t", tag, str(context))


def _try(image: str) -> None:
    """Run in an image, as its own user, what a user would."""
    with _container(f"videonet-{image}") as container:
        if image == "trainer":
            _inside(container, "videonet", "train", "--help")
            _inside(container, "python", "-c", "import torch, timm; print(torch.__version__)")
            return
        if image == "gpu":
            _inside(container, "python", "-c", _LOAD_CUDA)
            return
        model = "--classifier /opt/videonet/classifier/classifier.onnx"
        for command in (
            "PYTHONPATH=/checkout python -m demo",
            "videonet verify .demo/out",
            # From what the demo has left, so that nothing is missing.
            f"videonet doctor --source store --store .demo/store {model}",
            'test "$(id -u)" = 1000 && ! touch /opt/videonet/x',
        ):
            _inside(container, "sh", "-c", f"cd /tmp && {command}")


@contextmanager
def _container(image: str) -> Iterator[str]:
    name = _buildah("from", "--pull-never", image, capture=True).strip()
    try:
        yield name
    finally:
        _buildah("rm", name)


def _inside(container: str, *command: str) -> None:
    demo = f"--volume={ROOT / 'demo'}:/checkout/demo:ro"
    _buildah("run", "--isolation=chroot", demo, container, "--", *command)


def _buildah(*arguments: str, capture: bool = False) -> str:
    """Run buildah with storage of its own, which needs neither a file system nor a service."""
    places = ("--root", str(FOLDER / "storage"), "--runroot", str(FOLDER / "run"))
    return _run("buildah", *places, "--storage-driver=vfs", *arguments, capture=capture)


def _run(*command: str, capture: bool = False) -> str:
    output = subprocess.PIPE if capture else None
    environment = os.environ | {"TMPDIR": str(FOLDER)}
    done = subprocess.run(command, check=True, text=True, stdout=output, env=environment)
    return done.stdout or ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(IMAGES)))
