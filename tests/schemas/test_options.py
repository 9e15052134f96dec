"""settings: what is said of each option, and that everything is made from its declaration."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import videonet
from demo.odd_files import write_noise
from demo.train_classifier import MODEL
from scripts.document_options import page
from videonet.cli.options import default_shown
from videonet.schemas.option import Declared, default_of, in_order_of_help
from videonet.schemas.settings import (
    DISK_BUDGET,
    AccessOptions,
    CurateOptions,
    JobOptions,
    RebuildOptions,
    RunOptions,
)
from videonet.shards.writer import FORMATS

ROOT = Path(__file__).parents[2]

OPTIONS = in_order_of_help(CurateOptions, RunOptions, JobOptions, AccessOptions)

# In place of the first option of a record: that option, and a new one before it.
DATA_OPTION = """\
    colour: Annotated[str, Option(help="Colour of the frames.", metavar="NAME")] = "any"
    per_class: Annotated["""
RUN_OPTION = """\
    patience: Annotated[
        float, Option(help="Time that one waits, minutes.", unit="minutes", minimum=0)
    ] = 1.5
    downloads: Annotated["""


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_everything_is_said_of_an_option(option: Declared):
    said = option.option
    assert said.help.endswith(".")
    assert "|" not in said.help
    # A number says what it counts, in the help as well.
    assert bool(said.unit) is (option.type in (int, float, int | None) or "bytes" in said.help)
    for word in said.unit.split():
        assert word in said.help.lower()


def test_no_two_options_are_typed_the_same():
    assert len({each.typed for each in OPTIONS}) == len(OPTIONS)


def test_rebuild_has_options_of_the_same_type_and_default():
    by_name = {each.name: each for each in OPTIONS}
    for each in in_order_of_help(RunOptions, RebuildOptions, AccessOptions):
        if each.option.in_rebuild:
            same = by_name[each.name]
            # A lock file names its videos: a source only says more of their addresses.
            is_source = each.name == "source"
            assert is_source or (each.type, each.default) == (same.type, same.default)


def test_the_default_is_every_format_that_there_is():
    assert default_of(CurateOptions, "formats") == tuple(FORMATS)


def test_the_help_says_the_default_budget():
    (budget,) = (each for each in OPTIONS if each.name == "disk_budget")
    assert f"default: {DISK_BUDGET // 10**9}GB," in budget.option.help


def test_a_size_is_shown_in_the_largest_unit():
    (largest,) = (each for each in OPTIONS if each.name == "max_bytes")
    assert default_shown(largest) == "2GB"


def test_the_documentation_says_what_the_program_says():
    assert (ROOT / "docs" / "options.md").read_text("utf-8") == page()


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with two more options: declared, and nothing else changed."""
    root = tmp_path_factory.mktemp("extended")
    package = Path(videonet.__file__).parent
    shutil.copytree(package, root / "videonet", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "scripts", root / "scripts")
    declaration = root / "videonet" / "schemas" / "settings.py"
    text = declaration.read_text()
    for new in (DATA_OPTION, RUN_OPTION):
        place = new.splitlines()[-1]
        assert text.count(f"\n{place}") == 1
        text = text.replace(f"\n{place}", f"\n{new}")
    declaration.write_text(text)
    return root


def run_in(extended: Path, *command: str | Path, code: int = 0) -> str:
    """What a Python command with the extended project prints."""
    ended = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | {"PYTHONPATH": str(extended), "COLUMNS": "200"},
        cwd=extended,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    return ended.stdout


def test_an_option_that_is_declared_is_in_the_help_and_the_documentation(extended: Path):
    main = ("-c", "from videonet.cli import main; main()")
    shown = run_in(extended, *main, "curate", "--help")
    assert "Colour of the frames. [default: any]" in shown
    assert "Time that one waits, minutes. [default: 1.5]" in shown
    # Only how a run works is asked of a rebuild.
    rebuild = run_in(extended, *main, "rebuild", "--help")
    assert "--patience" in rebuild
    assert "--colour" not in rebuild
    documented = run_in(
        extended, "-c", "from scripts.document_options import page; print(page())"
    ).splitlines()
    assert "| `--colour` | `NAME` |  | `any` | Colour of the frames. | yes |  |" in documented
    assert (
        "| `--patience` | number, at least 0 | minutes | `1.5` | Time that one waits, minutes. "
        "| no | yes |" in documented
    )


def test_an_option_that_is_declared_goes_to_the_manifest_or_to_run_json(
    extended: Path, tmp_path: Path
):
    (tmp_path / "classes.txt").write_text("balloon\n")
    (tmp_path / "videos").mkdir()
    write_noise(tmp_path / "videos" / "balloon.mp4")
    (tmp_path / "run.toml").write_text('colour = "blue"\npatience = 7\n')
    command = (
        *("-m", "videonet.pipelines.curate", "--targets", tmp_path / "classes.txt"),
        *("--source", f"folder:{tmp_path / 'videos'}", "--classifier", MODEL),
        *("--store", tmp_path / "store", "--out", tmp_path / "out"),
        *("--config", tmp_path / "run.toml"),
    )
    # The one file is no video: most failed.
    run_in(extended, *command, "--patience", "0.5", code=3)
    manifest = read(tmp_path / "out" / "manifest.json")
    assert manifest["settings"]["colour"] == "blue"
    assert "patience" not in manifest["settings"]
    plan = read(tmp_path / "out" / "run.json")["plan"]
    assert (plan["settings"]["colour"], plan["patience"]) == ("blue", 0.5)
    # It is read back with its type.
    dataset = f"videonet.open_dataset({str(tmp_path / 'out')!r})"
    code = f"import videonet; print({dataset}.manifest.settings.colour)"
    assert run_in(extended, "-c", code) == "blue\n"


def read(file: Path) -> Any:
    return json.loads(file.read_bytes())
