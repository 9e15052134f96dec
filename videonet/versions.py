"""Versions of the libraries that the bytes of a data set depend on."""

from importlib.metadata import PackageNotFoundError, version

import av

import videonet

# To be raised when our own code decodes what it could not before. Records of videos that could not
# be decoded name it, with FFmpeg's versions: (2: past damage)
DECODER = 2


def clip_versions() -> dict[str, str]:
    """What the bytes of clips and shards depend on, by name."""
    codecs = {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}
    packages = {
        name: version(name) for name in ("av", "numpy", "protobuf", "pyarrow", "simplejpeg")
    }
    return packages | {name: codecs[name] for name in ("libavcodec", "libavformat", "libswscale")}


def decoder_version() -> str:
    """Which decoder is at work: what it cannot decode, another one may."""
    codecs = (av.library_versions[name] for name in ("libavformat", "libavcodec"))
    return " ".join([str(DECODER), *(".".join(map(str, number)) for number in codecs)])


def versions() -> dict[str, str]:
    """What verdicts and clips depend on, by name."""
    others = {
        "videonet": videonet.__version__,
        "pillow": version("pillow"),
        "onnxruntime": _onnxruntime(),
    }
    return clip_versions() | others


def _onnxruntime() -> str:
    """One library, two packages: with and without a GPU."""
    try:
        return version("onnxruntime-gpu")
    except PackageNotFoundError:
        return version("onnxruntime")
