"""What lies on this machine: Python and its packages, the classifier, the store, WordNet."""

import importlib.metadata
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from videonet.doctor.finding import Finding, State, reason, told
from videonet.errors import UsageError
from videonet.fetch.disk_limit import reserve_of
from videonet.files import cache_folder
from videonet.text import file_size

if TYPE_CHECKING:
    from videonet.classifier.download import Asset


def look_at_python() -> Finding:
    """Whether this Python is one that the project is made for."""
    wanted = importlib.metadata.metadata("videonet")["Requires-Python"]
    here = platform.python_version()
    found = f"{here}, {sys.executable}"
    if SpecifierSet(wanted).contains(here, prereleases=True):
        return Finding("Python", State.OK, found)
    advice = f"make an environment with Python {wanted}, and install videonet there"
    return Finding("Python", State.MISSING, found, advice)


def look_at_packages(package: str = "videonet") -> Finding:
    """Whether `package` has the libraries that its metadata asks for, and whether ours load."""
    here, wrong = {}, []
    for requirement in _required(package):
        name, wanted = requirement.name, requirement.specifier
        try:
            here[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is not installed")
            continue
        if not wanted.contains(here[name], prereleases=True):
            wrong.append(f"{name} is {here[name]}, not {wanted}")
    advice = "install videonet again in this environment, with pip: it brings what it needs"
    if wrong:
        return Finding("packages", State.MISSING, "; ".join(wrong), advice)
    try:
        import videonet.execution.execute  # noqa: F401  # loads all that a run does
    except (ImportError, OSError) as error:
        return Finding("packages", State.MISSING, f"not all load: {reason(error)}", advice)
    named = sorted({each.name for each in _requirements(package)}, key=str.lower)
    return Finding("packages", State.OK, ", ".join(f"{name} {here[name]}" for name in named))


def look_at_classifier(path_or_name: str) -> Finding:
    """Whether the classifier is here, and is one. Raises UsageError for a file that is none."""
    from videonet.classifier.download import DEFAULT, RESNET50
    from videonet.classifier.model import load_classifier

    if path_or_name == DEFAULT:
        return look_for_asset(RESNET50, cache_folder())
    model = load_classifier(path_or_name)
    size = f"{model.crop[0]} x {model.crop[1]} pixels"
    return Finding("classifier", State.OK, f"{model.path}: {model.outputs} classes, {size}")


def look_for_asset(asset: "Asset", folder: Path) -> Finding:
    """Whether a file that is fetched at first use is here, and whole."""
    from videonet.files import sha256_of

    path = folder / asset.name
    fetch = f"run 'videonet classifier fetch' ({asset.bytes / 1e6:,.0f} MB)"
    if not path.exists():
        part = path.with_name(f"{path.name}.part")
        found = f"{path} is not here"
        if part.exists():
            found = f"{path} is here in part, {part.stat().st_size / 1e6:,.0f} MB"
        return Finding("classifier", State.MISSING, found, fetch)
    if sha256_of(path) != asset.sha256:
        found = f"{path} is damaged, or another file: its sha256 is not the one expected"
        return Finding("classifier", State.MISSING, found, f"delete it, and {fetch}")
    return Finding("classifier", State.OK, f"{path}, sha256 as expected")


def look_at_wordnet() -> Finding:
    """Whether WordNet answers. ImageNet's classes, and labels of the classifier, need none."""
    from videonet.targets import wordnet

    try:
        wordnet.senses_of("dog")
    except UsageError as error:
        advice = f"for synsets and nouns, {told('WordNet', State.OPTIONAL, error).advice}"
        return Finding("WordNet", State.OPTIONAL, "version 3.0 is not here", advice)
    return Finding("WordNet", State.OK, "3.0")


def look_at_store(place: Path | str) -> Finding:
    """Whether a folder, or the one that it would be made in, can be written and has room.

    Of a bucket, whether it answers, and the same of the folder for what is in hand. Raises
    UsageError for a bucket that cannot be used.
    """
    from videonet.storage.places import is_remote, open_place
    from videonet.storage.scratch import scratch_at

    if not is_remote(place):
        return _look_at_folder(Path(place), "--store")
    open_place(place)
    in_hand = _look_at_folder(scratch_at().root, "--scratch")
    said = f"{place} answers, and a run tries whether it can be written; for videos in hand, "
    return replace(in_hand, found=f"{said}{in_hand.found}")


def _look_at_folder(folder: Path, option: str) -> Finding:
    elsewhere = f"give {option} a local folder of yours"
    place = folder.absolute()
    try:
        while not place.exists():
            place = place.parent
        with tempfile.TemporaryFile(dir=place):
            disk = shutil.disk_usage(place)
    except OSError as error:
        found = f"{folder.absolute()} cannot be written ({error.strerror})"
        return Finding("store", State.MISSING, found, elsewhere)
    room = f"{file_size(disk.free)} free"
    reserve = reserve_of(disk.total)
    if disk.free <= reserve:
        advice = f"free some: a run leaves {file_size(reserve)} alone"
        return Finding("store", State.MISSING, f"{folder.absolute()}: {room}", advice)
    can_be = "written" if place == folder.absolute() else "made"
    return Finding("store", State.OK, f"{folder.absolute()} can be {can_be}, {room}")


def look_at_codecs() -> Finding:
    """What decodes videos: the program ffmpeg is not run."""
    import av

    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    return Finding("ffmpeg", State.NOT_NEEDED, f"PyAV brings its own libavcodec, {codec}")


def _required(package: str) -> Iterator[Requirement]:
    """What `package` needs here, and what the extras need that it names."""
    for requirement in _requirements(package):
        yield requirement
        for extra in requirement.extras:
            with suppress(importlib.metadata.PackageNotFoundError):
                yield from _requirements(requirement.name, extra)


def _requirements(package: str, extra: str = "") -> Iterator[Requirement]:
    """What one package itself needs here; of an extra: only what that adds."""
    for text in importlib.metadata.requires(package) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        added = marker is not None and not always and marker.evaluate({"extra": extra})
        if added if extra else always:
            yield requirement
