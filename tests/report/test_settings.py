"""With which settings a data set was made, and when and by which command."""

import re
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.curated import Curated, curated_once
from tests.report.written import target, verdict, write
from videonet.report.facts import facts_of


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def test_what_was_made_with_which_settings_is_said_without_paths(curated: Curated):
    facts = facts_of(curated.out, None)
    said = {each.name: each.value for each in facts.settings}
    assert said["--per-class"] == "50 videos"
    assert said["--min-seconds"] == "10 seconds"
    assert said["--max-lost"] == "25 %"
    assert said["--format"] == "parquet, tfrecord"
    assert said["--classifier"] == "classifier: input of 64 x 64 pixels, 7 outputs"
    assert "pyarrow " in said["versions"]
    assert str(curated.folder) not in "".join(said.values())


def test_settings_are_said_by_name_and_not_by_digest(curated: Curated, tmp_path: Path):
    targets = [target(name) for name in ("kite", "crane", "hawk", "owl")]
    rebuilt = write(tmp_path, targets, [verdict(0, "kite")], settings={"lock": "ab" * 32})
    for out in (curated.out, rebuilt):
        said = {each.name: each.value for each in facts_of(out, None).settings}
        assert not re.search(r"[0-9a-f]{32}", "".join(said.values()))
    assert said["--targets"] == "4 classes: kite, crane, hawk and 1 more"
    assert said["made from"] == "the lock file of another copy"


def test_when_and_with_which_command_it_was_made_is_said_as_the_run_noted_it(
    curated: Curated, tmp_path: Path
):
    out = tmp_path / "out"
    shutil.copytree(curated.out, out)
    noted = msgspec.json.decode((out / "run.json").read_bytes())
    command = [
        *("/home/me/.venv/bin/videonet", "curate", "--targets", "imagenet1k"),
        *("--source", "catalogue:/home/me/the videos/all.csv", "--out=/home/me/out"),
        *("--proxy", "https://proxy.example/a/b", "--files-root", "file:///home/me/videos"),
    ]
    noted |= {"begun": "2026-05-09T09:12:31+02:00", "command": command}
    (out / "run.json").write_bytes(msgspec.json.encode(noted))
    said = facts_of(out, None).last_run
    assert said is not None
    assert said.begun == "2026-05-09 07:12 UTC"
    assert said.command == (
        "videonet curate --targets imagenet1k --source catalogue:all.csv --out=out "
        "--proxy https://proxy.example/a/b --files-root videos"
    )


@pytest.mark.parametrize(
    "noted", [{}, {"begun": "yesterday", "command": ["videonet"]}, {"command": [7]}, []]
)
def test_where_the_run_noted_no_date_and_command_none_is_said(noted: object, tmp_path: Path):
    out = write(tmp_path, [target("kite")], [verdict(0, "kite")])
    assert facts_of(out, None).last_run is None
    (out / "run.json").write_bytes(msgspec.json.encode(noted))
    assert facts_of(out, None).last_run is None
