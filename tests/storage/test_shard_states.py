"""What shards were made of is the same for its readers before and after it is packed."""

from contextlib import suppress
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from tests.storage.servers import Server
from videonet.errors import UsageError
from videonet.schemas.manifest import Shard
from videonet.schemas.run import ShardState, TakenUp
from videonet.shards.layout import shard_path
from videonet.storage import shard_states
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.fence import OvertakenError

SHARDS = 7


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three shards a file, and all are packed."""
    monkeypatch.setattr(shard_states, "TOGETHER", 3)
    monkeypatch.setattr(shard_states, "MOST_SINGLE", 0)


def made_of(index: int, digest: str = "one", videos: int = 1) -> ShardState:
    file = Shard(path=shard_path("parquet", index, SHARDS), rows=0, bytes=1, sha256="0" * 64)
    named = {f"youtube:{number}": "0" * 64 for number in range(videos)}
    return ShardState(digest=digest, cut_key="", files=(file,), videos=named)


def with_shards(place: Path | str) -> DatasetDir:
    output = DatasetDir(place)
    for index in range(SHARDS):
        output.write_shard_state(index, made_of(index))
    return output


def said(output: DatasetDir) -> list[str | None]:
    """What each shard was made of, read one by one and all at once, by whoever opens OUT now."""
    fresh = DatasetDir(output.address)
    states = [fresh.shard_state(index) for index in range(SHARDS)]
    assert list(fresh.shard_states.all(SHARDS)) == states
    # Who has read before sees no less.
    assert [output.shard_state(index) for index in range(SHARDS)] == states
    return [state and state.digest for state in states]


def files_of(output: DatasetDir) -> list[str]:
    return [path.rpartition("/")[2] for path in output.files.list(shard_states.FOLDER)]


def test_packed_states_are_few_files_and_say_the_same(tmp_path: Path):
    output = with_shards(tmp_path / "out")
    before = [output.shard_state(index) for index in range(SHARDS)]
    assert output.shard_states.pack() == SHARDS
    assert files_of(output) == ["00000-00002.json", "00003-00005.json", "00006-00008.json"]
    assert list(output.shard_states.all(SHARDS)) == before
    assert said(output) == ["one"] * SHARDS
    assert output.shard_states.are_there()
    assert output.shard_states.pack() == 0
    output.shard_states.clear()
    assert said(output) == [None] * SHARDS
    assert not output.shard_states.are_there()


def test_a_few_stay_as_they_are_until_some_are_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shard_states, "MOST_SINGLE", SHARDS)
    output = with_shards(tmp_path / "out")
    assert output.shard_states.pack() == 0
    assert len(files_of(output)) == SHARDS
    monkeypatch.setattr(shard_states, "MOST_SINGLE", 0)
    output.shard_states.pack()
    monkeypatch.setattr(shard_states, "MOST_SINGLE", SHARDS)
    output.write_shard_state(0, made_of(0, "two"))
    assert output.shard_states.pack() == 1
    assert len(files_of(output)) == 3


def test_what_is_written_after_packing_counts(tmp_path: Path):
    output = with_shards(tmp_path / "out")
    output.shard_states.pack()
    output.write_shard_state(4, made_of(4, "two"))
    for _ in range(2):
        assert said(output) == ["one"] * 4 + ["two"] + ["one"] * 2
        output.shard_states.pack()
    assert len(files_of(output)) == 3


def test_a_large_state_stays_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shard_states, "_MOST_PACKED", 1_000)
    output = with_shards(tmp_path / "out")
    output.shard_states.pack()
    output.write_shard_state(1, made_of(1, "large", videos=20))
    assert output.shard_states.pack() == 0
    assert said(output) == ["one", "large"] + ["one"] * 5
    assert files_of(output)[:2] == ["00000-00002.json", "00001.json"]
    # The one before is named nowhere any more.
    (tmp_path / "out/_state/shards/00001.json").unlink()
    assert said(output) == ["one", None] + ["one"] * 5


@pytest.mark.parametrize("content", [b"", b"{", b'{"x": 1}', b'{"00000": 1}', b"\xff", b"[]"])
def test_packed_states_that_cannot_be_read_are_as_good_as_none(tmp_path: Path, content: bytes):
    output = with_shards(tmp_path / "out")
    output.shard_states.pack()
    (tmp_path / "out/_state/shards/00000-00002.json").write_bytes(content)
    assert said(output) == [None] * 3 + ["one"] * 4
    output.write_shard_state(0, made_of(0, "two"))
    output.shard_states.pack()
    assert said(output) == ["two", None, None] + ["one"] * 4


def test_a_stranger_s_packed_state_that_names_other_files_is_none(tmp_path: Path):
    output = with_shards(tmp_path / "out")
    output.shard_states.pack()
    packed = tmp_path / "out/_state/shards/00000-00002.json"
    named = msgspec.json.decode(packed.read_bytes())
    named["00000"]["files"][0]["path"] = "../precious"
    packed.write_bytes(msgspec.json.encode(named))
    assert said(output) == [None] + ["one"] * 6


class Killed(BaseException):
    """The process ends here."""


# Each example is 30 files that outlast a power cut.
@hypothesis.settings(max_examples=hypothesis.settings().max_examples // 5)
@hypothesis.given(
    moment=st.integers(0, 12),
    later=st.sets(st.integers(0, SHARDS - 1), max_size=3),
    packed=st.booleans(),
)
def test_killed_at_any_step_it_loses_nothing_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, moment: int, later: set[int], packed: bool
):
    out = tmp_path_factory.mktemp("killed") / "out"
    output = with_shards(out)
    if packed:
        output.shard_states.pack()
    for index in later:
        output.write_shard_state(index, made_of(index, "two"))
    due = ["two" if index in later else "one" for index in range(SHARDS)]
    steps = iter(range(moment))

    def step(event: str) -> None:
        if event in ("write", "delete") and next(steps, None) is None:
            raise Killed

    files = DatasetDir(out)
    for name in ("write", "delete"):
        act = getattr(files.files, name)

        def stepped(*given: object, act=act, name: str = name) -> None:
            step(name)
            act(*given)

        setattr(files.files, name, stepped)
    with suppress(Killed):
        files.shard_states.pack()
    assert said(output) == due
    DatasetDir(out).shard_states.pack()
    assert said(output) == due
    assert all("-" in name for name in files_of(output))


def test_a_reader_misses_nothing_while_states_are_packed(tmp_path: Path):
    output = with_shards(tmp_path / "out")
    reader = DatasetDir(tmp_path / "out")
    # It has listed single states, and read those of the first file.
    states = reader.shard_states.all(SHARDS)
    assert next(states) == made_of(0)
    output.shard_states.pack()
    assert list(states) == [made_of(index) for index in range(1, SHARDS)]
    # It has looked for a single state that was packed and written again meanwhile.
    assert reader.shard_state(5) == made_of(5)
    output.write_shard_state(5, made_of(5, "two"))
    output.shard_states.pack()
    assert reader.shard_state(5) == made_of(5, "two")


def test_a_run_that_was_overtaken_packs_nothing_more(tmp_path: Path):
    output = with_shards(tmp_path / "out")
    output.fence._ours = TakenUp(number=1, run_id="a" * 32)
    DatasetDir(tmp_path / "out").fence.take_up("a" * 32)
    DatasetDir(tmp_path / "out").fence.take_up("b" * 32)
    with pytest.raises(OvertakenError):
        output.shard_states.pack()
    assert len(files_of(output)) == SHARDS


def test_where_they_cannot_be_read_that_is_an_error(tmp_path: Path):
    output = with_shards(tmp_path / "out")
    (tmp_path / "out/_state/shards/00001.json").unlink()
    (tmp_path / "out/_state/shards/00001.json").mkdir()
    with pytest.raises((OSError, UsageError)):
        output.shard_state(1)


def test_states_are_packed_in_a_bucket(server: Server, bucket: str):
    output = with_shards(bucket)
    assert output.shard_states.pack() == SHARDS
    assert len(files_of(output)) == 3
    assert said(output) == ["one"] * SHARDS
    output.write_shard_state(2, made_of(2, "two"))
    assert said(output)[2] == "two"
    before = server.proxy.operations[1]
    assert output.shard_states.pack() == 1
    assert said(output)[2] == "two"
    output = DatasetDir(bucket)
    before = server.proxy.operations[1]
    assert sum(state is not None for state in output.shard_states.all(SHARDS)) == SHARDS
    # One a file, and no more.
    assert server.proxy.operations[1] - before == 3
