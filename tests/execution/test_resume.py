"""resume: which run goes on over OUT, and which is refused."""

import shutil
from pathlib import Path

import msgspec
import pytest

from tests.curated import Curated, curated_once
from videonet.errors import UsageError
from videonet.execution.prepare import _take_up_of_earlier_version
from videonet.execution.resume import join_run, resume_or_start
from videonet.schemas.exclusion import ExcludedSet
from videonet.schemas.run import Settings
from videonet.schemas.target import LeftOutClasses
from videonet.storage.dataset_dir import DatasetDir

LEFT_OUT = (LeftOutClasses(why="no name in WordNet 3.0", classes=1, first=("n00000000",)),)
EXCLUDED = ExcludedSet(sha256="ab", names=("known.csv",), videos=1, channels=0)


@pytest.fixture
def begun(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> DatasetDir:
    """A run that was interrupted before its end."""
    curated: Curated = curated_once(tmp_path_factory.getbasetemp())
    out = Path(shutil.copytree(curated.out, tmp_path / "out"))
    (out / "manifest.json").unlink()
    return DatasetDir(out)


def settings_of(output: DatasetDir) -> Settings:
    state = output.run_state()
    assert state is not None
    return state.settings


def now(before: Settings, **changes: object) -> Settings:
    return msgspec.structs.replace(before, **changes)


def test_what_an_earlier_version_left_out_of_a_list_without_saying_so_is_the_same_run(
    begun: DatasetDir,
):
    settings = now(settings_of(begun), left_out=LEFT_OUT)
    joined, _ = join_run(begun, settings)
    assert joined.settings == settings
    before = begun.run_state()
    assert before is not None
    assert resume_or_start(begun, settings).run_id == before.run_id
    assert settings_of(begun) == settings


def test_so_is_one_whose_scans_are_of_an_earlier_version(begun: DatasetDir):
    before = begun.run_state()
    assert before is not None
    begun.write_run_state(
        msgspec.structs.replace(before, settings=now(before.settings, scan_key="old"))
    )
    settings = now(before.settings, left_out=LEFT_OUT)
    _take_up_of_earlier_version(begun, settings, ["old"])
    assert settings_of(begun) == settings
    assert resume_or_start(begun, settings).run_id == before.run_id


def test_a_part_of_another_version_that_says_otherwise_why_classes_are_left_out_joins(
    begun: DatasetDir,
):
    before = begun.run_state()
    assert before is not None
    (said,) = LEFT_OUT
    otherwise = (msgspec.structs.replace(said, why="nameless"),)
    begun.write_run_state(
        msgspec.structs.replace(before, settings=now(before.settings, left_out=otherwise))
    )
    settings = now(before.settings, left_out=LEFT_OUT)
    joined, _ = join_run(begun, settings)
    assert (joined.run_id, joined.settings) == (before.run_id, settings)
    with pytest.raises(UsageError, match="begun with another --captions than this part has"):
        join_run(begun, now(settings, captions=True))


def test_a_part_that_excludes_something_else_is_told_the_option(begun: DatasetDir):
    with pytest.raises(UsageError, match="begun with another --exclude than this part has"):
        join_run(begun, now(settings_of(begun), excluded=EXCLUDED))
    with pytest.raises(UsageError, match="another --exclude and --captions than"):
        join_run(begun, now(settings_of(begun), excluded=EXCLUDED, captions=True))


def test_a_part_with_other_settings_is_told_which(begun: DatasetDir):
    with pytest.raises(UsageError, match="max_clips was 4, is 3"):
        join_run(begun, now(settings_of(begun), max_clips=3))
