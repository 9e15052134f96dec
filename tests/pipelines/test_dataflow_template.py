"""docker/dataflow_template.json: the parameters of a Flex Template, and what becomes of them."""

import json
import re
from typing import Any

import msgspec
import pytest
import typer
from google.cloud import dataflow_v1beta3 as service

from scripts.dataflow_template import FILE, page
from videonet.cli import app, beam_command
from videonet.schemas.option import declared, options_from
from videonet.schemas.settings import AccessOptions, CurateOptions, RunOptions

GIVEN = json.loads(FILE.read_text("utf-8"))
PARAMETERS = {each["name"]: each for each in GIVEN["parameters"]}

# Another value than the default of each.
VALUES = {
    "targets": "gs://bucket/classes.txt",
    "source": "catalogue:gs://bucket/videos.csv",
    "store": "gs://bucket/store",
    "out": "gs://bucket/data/out",
    "classifier": "gs://bucket/model.onnx",
    "exclude": "gs://bucket/known.csv",
    "select": "neighbours:images",
    "embedding": "gs://bucket/features.onnx",
    "exclude_like": "evaluation",
    "short_side": "128",
    "frame_rate": "6.25",
    "jpeg_quality": "93",
    "jpeg_subsampling": "4:2:0",
    "per_class": "7",
    "min_seconds": "3.5",
    "frames": "50",
    "min_frames": "3",
    "min_probability": "0.5",
    "first_match_before": "40",
    "max_clips": "2",
    "format": "parquet",
    "shards": "12",
    "keep": "none",
    "max_bytes": "3GB",
    "max_page_bytes": "17MB",
    "max_pages_bytes": "65MB",
    "max_hole": "1.5",
    "max_lost": "0.5",
    "min_motion": "0.2",
    "decode_memory": "5GB",
    "decode_seconds": "1000",
    "licence": "cc",
    "duplicates": "drop",
    "per_target": "20",
    "image_clusters": "40",
    "modifiers": "slow motion,close up",
    "search_patience": "5",
    "disk_budget": "60GB",
    "scratch_budget": "30GB",
    "workers": "6",
    "downloads": "9",
    "deadline": "500",
    "device": "cuda",
    "requests_per_second": "2.5",
    "per_host": "3",
    "accelerator": "nvidia-l4",
    "scan_memory": "20GB",
    "sdk_container_image": "europe-docker.pkg.dev/p/videonet/worker:1",
}


def test_it_is_what_the_options_declaration_makes():
    assert FILE.read_text("utf-8") == page(), "run python -m scripts.dataflow_template"


def test_google_knows_all_of_it():
    known = service.TemplateMetadata.from_json(FILE.read_text("utf-8"))
    assert [each.name for each in known.parameters] == list(PARAMETERS)
    assert {each.param_type.name for each in known.parameters} == {"TEXT", "ENUM"}


def test_no_parameter_may_hold_a_secret():
    assert not PARAMETERS.keys() & {each.name for each in declared(AccessOptions)}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_takes_what_its_option_takes(name: str):
    parameter, value = PARAMETERS[name], VALUES[name]
    given = [value, *([parameter["defaultValue"]] if "defaultValue" in parameter else [])]
    for each in given:
        for regex in parameter.get("regexes", ()):
            assert re.fullmatch(regex, each), each
        if parameter["paramType"] == "ENUM":
            assert {"value": each} in parameter["enumOptions"]
    for wrong in ("", "-1", "some words"):
        assert not any(re.fullmatch(regex, wrong) for regex in parameter.get("regexes", ()))


def parsed(command: Any, arguments: list[str]) -> tuple[msgspec.Struct, ...]:
    values = command.make_context("curate", arguments).params
    return options_from(CurateOptions, values), options_from(RunOptions, values)


def test_a_launch_with_all_parameters_is_the_command_with_all_options():
    assert VALUES.keys() == PARAMETERS.keys()
    launched = parsed(
        beam_command(),
        [
            *("--runner=DataflowRunner", "--project=p", "--job_name=a", "--region=r"),
            "--template_location=gs://staging/template_launches/2026-11-30-1/job_object",
            *(f"--{name}={value}" for name, value in VALUES.items()),
        ],
    )
    ours = {name: value for name, value in VALUES.items() if name != "sdk_container_image"}
    typed = [
        part for name, value in ours.items() for part in (f"--{name}".replace("_", "-"), value)
    ]
    assert launched == parsed(typer.main.get_command(app).commands["curate"], typed)  # type: ignore[attr-defined]
    defaults = CurateOptions(targets="a", source="b"), RunOptions(store="c", out="d")
    for options, default in zip(launched, defaults, strict=True):
        for name, value in msgspec.structs.asdict(options).items():
            untouched = value == getattr(default, name)
            left_out = name in {"files_root", "scratch", "allow_private_hosts", "refresh_search"}
            # Switches.
            left_out |= name in {"no_cuts", "captions"}
            assert untouched is left_out, name
