"""How many files finished runs leave: one is counted, and for many candidates the layout tells."""

import math
from collections import Counter
from pathlib import Path

import pytest

from tests.curated import Curated, curated_once
from tests.curating import curate
from videonet.schemas.settings import Keep
from videonet.shards.layout import number_of_shards
from videonet.shards.writer import FORMATS
from videonet.storage import found_files, search_files, shard_states
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.record_shards import MOST_SHARD_BYTES
from videonet.storage.store_tables import LARGE_SHARD_BYTES

STORAGE = Path(__file__).parents[2] / "docs/storage.md"

# The published run, see docs/storage.md.
CANDIDATES, MOST_FILES, MARGIN = 5_000_000, 100_000, 5_000

# Of a candidate, packed: its record in `benchmarks.store`; and a strip of five frames of real
# videos, which four of five candidates have.
RECORD_BYTES, THUMBNAIL_BYTES = 430, 12_000 * 4 // 5

# All names of ImageNet-1k, asked without and with each span of years. And what that brought: four
# titles for each that is taken.
TITLES = 4 * CANDIDATES

# Files that are there once, however many candidates there are: of a folder, 64 are locks.
OF_OUT, OF_STORE = 20, 100


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def files_of_out(shards: int, formats: int) -> int:
    """Files of OUT at most, when its states are packed."""
    states = shards
    if shards > shard_states.MOST_SINGLE:
        states = math.ceil(shards / shard_states.TOGETHER)
    return (2 + formats) * shards + states + OF_OUT


def files_of_store(candidates: int, titles: int) -> int:
    """Files of a store at most, videos aside, with those that were superseded by the last run."""
    # A shard that is too large is divided by a bit of digests: about in two.
    records = candidates * RECORD_BYTES / (0.45 * MOST_SHARD_BYTES)
    thumbnails = candidates * THUMBNAIL_BYTES / (0.45 * LARGE_SHARD_BYTES)
    found = titles / found_files.ROWS
    searches = search_files.MOST_LOOSE + 16**search_files.DIGITS
    packed = 2 * sum(map(math.ceil, (records, thumbnails, found)))
    return packed + found_files.MOST_LOOSE + searches + OF_STORE


def test_five_million_candidates_are_under_100_000_files():
    out = files_of_out(number_of_shards(CANDIDATES), len(FORMATS))
    files = out + files_of_store(CANDIDATES, TITLES)
    assert files < MOST_FILES - MARGIN
    assert f"{files:,} files" in STORAGE.read_text("utf-8")


@pytest.mark.slow
def test_a_run_leaves_as_many_files_as_the_layout_says(curated: Curated, tmp_path: Path):
    shards = shard_states.MOST_SINGLE + 44
    source = f"folder:{curated.folder / 'videos'}"
    curate(source, curated.folder / "classes.txt", tmp_path, shards=shards, keep=Keep.NONE)
    output = DatasetDir(tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    by_folder = Counter(path.relative_to(tmp_path / "out").parent.as_posix() for path in files)
    tables = {"candidates", "verdicts", *(f"clips/{name}" for name in FORMATS)}
    assert {name: by_folder.pop(name) for name in tables} == dict.fromkeys(tables, shards)
    assert by_folder.pop("_state/shards") == math.ceil(shards / shard_states.TOGETHER)
    assert by_folder.total() <= OF_OUT
    assert sum(state is not None for state in output.shard_states.all(shards)) == shards
    store = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert len(store) <= files_of_store(4, 4)
    # A process that works alone shares no hosts with others.
    assert not (tmp_path / "store/host").exists()
