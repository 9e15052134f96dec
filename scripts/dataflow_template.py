"""Writes docker/dataflow_template.json: the parameters of the job as a Flex Template of Dataflow.

    python -m scripts.dataflow_template

They are the options of `videonet curate`, from their declaration, and the image of the workers; a
test compares the two. What may hold a secret is none of them, nor what names files of a machine,
nor switches, which take no value.
"""

import json
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from videonet.cli.options import default_shown
from videonet.schemas.option import Declared, Form, in_order_of_help
from videonet.schemas.settings import CurateOptions, RunOptions

FILE = Path(__file__).parent.parent / "docker" / "dataflow_template.json"

# Folders of a machine, and what a launcher's users are not to be asked.
_LEFT_OUT = frozenset({"files_root", "scratch", "allow_private_hosts"})

# An option of Beam's, which every job needs; Google's own flags have the others.
_IMAGE = {
    "name": "sdk_container_image",
    "label": "Sdk container image",
    "helpText": "Image of the job's machines, as docker/worker.Dockerfile makes it.",
    "isOptional": False,
    "paramType": "TEXT",
}

_NUMBER = {int: r"[0-9]+", float: r"[0-9]+(\.[0-9]+)?"}
_SIZE = r"[0-9]+(\.[0-9]+)?\s*([kKMGTP]i?)?[bB]?"
_PLACE = r"(gs|s3)://[^/]+(/.*)?"


def metadata() -> dict[str, object]:
    """What Google calls the metadata of a template."""
    return {
        "name": "videonet curate",
        "description": "Builds a video data set that matches a class list. docs/dataflow.md says "
        "how it is launched, watched and cancelled.",
        "streaming": False,
        "parameters": [*map(_parameter, _offered()), _IMAGE],
    }


def page() -> str:
    """The whole of docker/dataflow_template.json."""
    return json.dumps(metadata(), indent=2, ensure_ascii=False) + "\n"


def _offered() -> Iterator[Declared]:
    for each in in_order_of_help(CurateOptions, RunOptions):
        if each.name not in _LEFT_OUT and each.type is not bool:
            yield each


def _parameter(option: Declared) -> dict[str, object]:
    """An option as a parameter, typed as Beam's options are: with "_"."""
    said = option.option
    unit = f" ({said.unit})" if said.unit else ""
    parameter: dict[str, object] = {
        "name": option.typed.replace("-", "_"),
        "label": f"{option.typed.replace('-', ' ').capitalize()}{unit}",
        "helpText": said.help,
        "isOptional": not option.is_required,
        **_values(option),
    }
    default = "" if option.is_measured else default_shown(option)
    return parameter | ({"defaultValue": default} if default else {})


def _values(option: Declared) -> dict[str, object]:
    """What may be given: a type of Google's, and what a text must look like."""
    kind, form = option.type, option.option.form
    kinds = set(typing.get_args(kind)) or {kind}
    if typing.get_origin(kind) is typing.Literal:
        return _choice(typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice([each.value for each in kind])
    if form is Form.SIZE:
        return {"paramType": "TEXT", "regexes": [_SIZE]}
    if form is Form.PLACE:
        return {"paramType": "TEXT", "regexes": [_PLACE]}
    for number, regex in _NUMBER.items():
        if number in kinds:
            return {"paramType": "TEXT", "regexes": [regex]}
    return {"paramType": "TEXT"}


def _choice(values: typing.Iterable[str]) -> dict[str, object]:
    return {"paramType": "ENUM", "enumOptions": [{"value": each} for each in values]}


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")
