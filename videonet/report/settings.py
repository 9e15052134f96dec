"""What a data set was made with: settings by the names of their options, and the run's command."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC
from pathlib import PurePath

from videonet.report.inputs import ReportInput
from videonet.report.page.content import LastRun, Setting
from videonet.schemas.neighbours import NOT_COMPARED
from videonet.schemas.option import Declared, Form, declared
from videonet.schemas.selection import FrameRules
from videonet.schemas.settings import DataOptions
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import file_size, number, target_names

# Classes that are named in the list's stead: what the list was called is not known.
_NAMED = 3

# Options that say nothing of neighbours.
_OF_CLASSES = frozenset(("per_class", *FrameRules.__struct_fields__))

# The folders of an absolute path, also in "catalogue:/home/me/videos.csv" and "--out=/home/me/out".
_FOLDERS = re.compile(r"(?:^|(?<=[:=,]))(?:file://)?/(?!/)(?:[^/,]*/)*")


def settings(given: ReportInput) -> tuple[Setting, ...]:
    """What the data set was made with, in the order of the help. Digests are in the manifest."""
    return tuple(Setting(name=name, value=value) for name, value in _rows(given))


def last_run(output: DatasetDir) -> LastRun | None:
    """When and with which command the last run was begun; None: not known.

    The page is published with the data set, so of paths only the last part is shown.
    """
    said = output.invocation()
    if said is None or not said.command:
        return None
    begun = said.begun.astimezone(UTC)
    program, *arguments = said.command
    command = [PurePath(program).name, *(_FOLDERS.sub("", each) for each in arguments)]
    return LastRun(begun=f"{begun:%Y-%m-%d %H:%M} UTC", command=shlex.join(command))


def _rows(given: ReportInput) -> Iterator[tuple[str, str]]:
    manifest, plan = given.manifest, given.output.plan()
    classifier = manifest.classifier if manifest else plan.settings.classifier if plan else None
    near = given.selects_neighbours
    yield ("--select neighbours" if near else "--targets"), _classes(given)
    if left_out := given.settings.left_out:
        counts = (f"{number(each.classes, 'class', 'classes')} ({each.why})" for each in left_out)
        yield "left out of that list", "; ".join(counts)
    yield "--source", given.settings.source
    if given.is_rebuilt:
        yield "made from", "the lock file of another copy"
    if classifier:
        size = " x ".join(map(str, classifier.input_size))
        outputs = "" if near else f", {number(classifier.outputs, 'output')}"
        option_name = "--embedding" if near else "--classifier"
        yield option_name, f"{classifier.name}: input of {size} pixels{outputs}"
    values = given.settings.to_row()
    for option in declared(DataOptions):
        if near and option.name in _OF_CLASSES:
            continue
        yield f"--{option.typed}", _value(option, values[option.name])
    for name, said in (
        ("--exclude", given.settings.excluded),
        ("--exclude-like", given.settings.excluded_like),
    ):
        if said is not None:
            yield name, f"{', '.join(said.names)} (sha256 {said.sha256[:12]}...)"
    if given.settings.video_format:
        yield "--yt-dlp-option", given.settings.video_format
    if manifest:
        versions = (f"{name} {version}" for name, version in sorted(manifest.versions.items()))
        yield "versions", ", ".join(versions)


def _classes(given: ReportInput) -> str:
    """What the classes are: a list is known by its digest alone."""
    names = target_names([each for each in given.targets if each != NOT_COMPARED])
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{number(len(names), 'class', 'classes')}: {', '.join(names[:_NAMED])}{more}"


def _value(option: Declared, value: object) -> str:
    """A value with its unit, as people write it."""
    if value is None or value == [] or value == ():
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, int | float):
        if option.option.form is Form.SIZE:
            return file_size(int(value))
        unit = option.option.unit
        if unit == "share":
            return f"{100 * value:g} %"
        return f"{value:,.10g} {unit.removesuffix('s') if value == 1 else unit}"
    return str(value)
