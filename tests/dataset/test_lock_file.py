"""lock_file: every kept video, where it is, and what it must be; and what is no lock file."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.curated import Curated, curated_once, videonet
from tests.curating import verdicts_of
from tests.locking import TARGETS, data_set, key_of, rewritten, url_of
from videonet.dataset.lock_file import read_lock, write_lock
from videonet.dataset.shard_rewrite import rewrite_shard
from videonet.dataset.verify import verify
from videonet.errors import UsageError
from videonet.files import sha256_of
from videonet.schemas.lock_file import LockedVideo
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome
from videonet.schemas.table import arrow_schema
from videonet.shards.layout import shard_of
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def out(curated: Curated, tmp_path: Path) -> Path:
    """A copy of a sound data set, to be changed."""
    return Path(shutil.copytree(curated.out, tmp_path / "out"))


def manifest_in(out: Path) -> Manifest:
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    return manifest


# What is in it.


def test_every_kept_video_is_in_it_once_with_its_content_and_all_its_labels(curated: Curated):
    videos = {each.video.video_id: each for each in read_lock(curated.out / LOCK_FILE).rows()}
    kept = [each for each in verdicts_of(curated.out) if each.outcome is Outcome.KEPT]
    assert {
        (each.video.video_id, match.target_id, match.names, match.query, match.rank)
        for each in videos.values()
        for match in each.matches
    } == {
        (row.video.video_id, row.target_id, row.matched_names, row.query, row.rank) for row in kept
    }
    assert read_lock(curated.out / LOCK_FILE).videos == len(videos)
    both = videos["a balloon and a sailboat.mp4"]
    assert (both.labels, both.names) == ((0, 1), ("balloon", "sailboat"))
    for each in videos.values():
        file = curated.folder / "videos" / each.video.url
        assert (each.sha256, each.bytes) == (sha256_of(file), file.stat().st_size)


def test_its_spans_are_the_clips(curated: Curated):
    clips = {
        (clip.example_id, clip.clip_start_timestamp, clip.clip_end_timestamp)
        for file in (curated.out / "clips" / "tfrecord").iterdir()
        for clip in FORMATS["tfrecord"].read(file)
    }
    assert clips == {
        (f"{video.video_key}#{number}", span.begin, span.end)
        for video in read_lock(curated.out / LOCK_FILE).rows()
        for number, span in enumerate(video.clips)
    }
    assert clips


def test_its_header_is_what_the_data_set_was_made_with(curated: Curated):
    header, manifest = read_lock(curated.out / LOCK_FILE).header, manifest_in(curated.out)
    assert header.targets == DatasetDir(curated.out).targets()
    assert header.labels == DatasetDir(curated.out).labels()
    assert header.settings == manifest.settings
    assert (header.classifier, header.versions) == (manifest.classifier, manifest.versions)
    assert header.shards == manifest.shards
    assert read_lock(curated.out / LOCK_FILE).shards == 2


def test_it_opens_as_any_parquet_file_and_shows_its_header(curated: Curated):
    file = curated.out / LOCK_FILE
    assert pq.read_schema(file).equals(arrow_schema(LockedVideo))
    metadata = duckdb.sql(f"select key, value from parquet_kv_metadata('{file}')").fetchall()
    shown = {key.decode(): value for key, value in metadata}
    settings = json.loads(curated.out.joinpath("manifest.json").read_bytes())["settings"]
    # Else a data set that is made from it would have another one.
    del settings["lock"]
    assert shown["videonet.settings"].decode() == json.dumps(settings, separators=(",", ":"))
    urls = duckdb.sql(f"select url from '{file}' where list_contains(names, 'sailboat')")
    assert set(urls.fetchall()) == {("a balloon and a sailboat.mp4",), ("yacht.mp4",)}


def test_no_path_of_this_machine_is_in_it(curated: Curated):
    lock = read_lock(curated.out / LOCK_FILE)
    said = lock.header.to_json() + b"".join(video.to_json() for video in lock.rows())
    assert str(curated.folder).encode() not in said
    assert b"yacht.mp4" in said


def test_equal_data_sets_have_equal_lock_files(out: Path):
    before = (out / LOCK_FILE).read_bytes()
    manifest = manifest_in(out)
    write_lock(DatasetDir(out), manifest)
    assert (out / LOCK_FILE).read_bytes() == before


def test_where_clips_begin_and_end_is_not_read_again_from_the_clips(out: Path):
    before = (out / LOCK_FILE).read_bytes()
    for file in (out / "clips").glob("*/*"):
        file.write_bytes(b"")
    write_lock(DatasetDir(out), manifest_in(out))
    assert (out / LOCK_FILE).read_bytes() == before


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_what_was_noted_of_other_files_or_never_is_read_from_the_clips(out: Path, format_name: str):
    before, manifest = list(read_lock(out / LOCK_FILE).rows()), manifest_in(out)
    others = set(FORMATS) - {format_name}
    for name in others:
        shutil.rmtree(out / "clips" / name)
    alone = msgspec.structs.replace(manifest.settings, formats=(format_name,))
    manifest = msgspec.structs.replace(
        manifest,
        settings=alone,
        shards=tuple(each for each in manifest.shards if each.path.endswith(format_name)),
    )
    for index in range(2):
        state = DatasetDir(out).shard_state(index)
        assert state is not None
        # Were it believed, the lock file would have no spans; without `files` it is of nothing.
        DatasetDir(out).write_shard_state(index, msgspec.structs.replace(state, spans={}))
    write_lock(DatasetDir(out), manifest)
    assert list(read_lock(out / LOCK_FILE).rows()) == before
    for index in range(2):
        state = DatasetDir(out).shard_state(index)
        assert state is not None
        own = tuple(each for each in state.files if each.path.endswith(format_name))
        unnoted = msgspec.structs.replace(state, files=own, spans=None)
        DatasetDir(out).write_shard_state(index, unnoted)
    write_lock(DatasetDir(out), manifest)
    assert list(read_lock(out / LOCK_FILE).rows()) == before


def test_it_is_noted_also_when_a_video_is_taken_out_of_a_shard(out: Path):
    output, videos = DatasetDir(out), list(read_lock(out / LOCK_FILE).rows())
    gone, *others = videos
    index = shard_of(gone.video_key, 2)
    rewrite_shard(output, manifest_in(out), 2, index, frozenset({gone.video_key}))
    state = output.shard_state(index)
    assert state is not None
    assert state.spans == {
        each.video_key: each.clips
        for each in others
        if each.clips and shard_of(each.video_key, 2) == index
    }


def test_verify_looks_at_the_clips_and_not_at_what_was_noted(out: Path):
    output = DatasetDir(out)
    for index in range(2):
        state = output.shard_state(index)
        assert state is not None
        output.write_shard_state(index, msgspec.structs.replace(state, spans={}))
    write_lock(output, manifest_in(out))
    assert not any(each.clips for each in read_lock(out / LOCK_FILE).rows())
    problem(out, "and the verdicts differ, first on")


@pytest.mark.parametrize("name", ["targets.json", "labels.json"])
def test_a_damaged_list_ends_in_a_sentence(out: Path, name: str):
    for damage in (b"[", b'"\xff"', None):
        (out / name).unlink()
        if damage is not None:
            (out / name).write_bytes(damage)
        with pytest.raises(UsageError, match=rf"{name} cannot be read \("):
            write_lock(DatasetDir(out), manifest_in(out))
        ended = videonet("verify", out)
        assert ended.code == 2, ended
        assert f"{name} cannot be read (" in ended.stderr
        (out / name).touch()


def test_a_shard_that_cannot_be_read_is_named_and_the_lock_file_stays(out: Path):
    before = (out / LOCK_FILE).read_bytes()
    for file in (out / "clips" / "parquet").iterdir():
        file.write_bytes(file.read_bytes()[:-9])
    shutil.rmtree(out / "_state")
    with pytest.raises(UsageError, match=r"clips-0000\d-of-00002.parquet is damaged"):
        write_lock(DatasetDir(out), manifest_in(out))
    assert (out / LOCK_FILE).read_bytes() == before


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text("abc:é", min_size=1, max_size=4), st.sets(st.integers(0, 2)), max_size=8
    ),
    st.integers(1, 3),
)
def test_whatever_is_kept_comes_back_shard_by_shard_in_the_order_of_keys(
    tmp_path: Path, kept: dict[str, set[int]], shards: int
):
    shutil.rmtree(tmp_path / "made", ignore_errors=True)
    manifest = data_set(tmp_path / "made", kept, shards)
    write_lock(DatasetDir(tmp_path / "made"), manifest)
    lock = read_lock(tmp_path / "made" / LOCK_FILE)
    videos = list(lock.rows())
    assert {each.video_key: set(each.labels) for each in videos} == {
        key_of(name): labels for name, labels in kept.items() if labels
    }
    places = [(shard_of(each.video_key, shards), each.video_key) for each in videos]
    assert places == sorted(set(places))
    for each in videos:
        assert each.labels == tuple(sorted(each.labels))
        assert each.names == tuple(TARGETS[place].name for place in each.labels)
        titles = [match.title or each.video.title for match in each.matches]
        assert titles == [f"{each.video.video_id} of {name}" for name in each.names]
    assert lock.videos == len(videos)
    assert lock.header.settings.lock is None


# What is none.


def refused(file: Path, why: str) -> None:
    """Fails unless opening and reading it ends in one sentence that names the file."""
    with pytest.raises(UsageError, match=why) as error:
        list(read_lock(file).rows())
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_lock_file_is_refused_in_a_sentence(curated: Curated, tmp_path: Path):
    refused(tmp_path / "nowhere.parquet", "cannot be read .No such file")
    refused(curated.out, "is a folder; give the file videos.lock.parquet")
    refused(curated.out / "manifest.json", "no lock file.*not Parquet")
    table = next((curated.out / "verdicts").iterdir())
    refused(table, "is Parquet, but no lock file")
    (tmp_path / "empty").touch()
    refused(tmp_path / "empty", "no lock file")


def test_a_lock_file_that_was_cut_short_or_changed_is_refused(curated: Curated, tmp_path: Path):
    data = (curated.out / LOCK_FILE).read_bytes()
    (tmp_path / "short").write_bytes(data[:-20])
    refused(tmp_path / "short", "was cut short")
    flipped = bytearray(data)
    # Within the first column's page.
    flipped[data.index(b"yacht.mp4") if b"yacht.mp4" in data else 40] ^= 1
    (tmp_path / "flipped").write_bytes(flipped)
    refused(tmp_path / "flipped", "is damaged")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": b"2"}, "of version 2, and this videonet reads version 1"),
        ({"version": None}, "no lock file"),
        ({"targets": None}, "is damaged .*`targets`"),
        ({"targets": b"[]"}, "has an unknown target"),
        ({"classifier": b'{"name": 3}'}, "is damaged"),
        ({"settings": b"{}"}, "does not say how many shards"),
        ({"settings": b'{"shards": 0}'}, "does not say how many shards"),
        ({"settings": b'{"shards": true}'}, "does not say how many shards"),
        ({"settings": b'{"shards": 1000000000}'}, "how many shards there are, 1 to 1,000,000"),
        ({"shards": b"[1"}, "is damaged"),
        ({"shards": b"[]"}, "does not list the files of its 2 shards"),
        ({"labels": b"[]"}, "0 labels for 7 outputs"),
        ({"labels": b"\xff"}, "is damaged"),
        ({"versions": b'{"a": "\xff"}'}, "is damaged"),
        ({"\udcff": b"1"}, "is damaged"),
        ({"colour": b'"blue"'}, "is damaged .*colour"),
    ],
    ids=str,
)
def test_a_header_that_is_not_as_it_should_be_is_refused(
    out: Path, changes: dict[str, bytes | None], why: str
):
    refused(rewritten(out / LOCK_FILE, **changes), why)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"matches": []}, "other targets than its labels say"),
        ({"labels": [], "names": [], "matches": []}, "has the labels"),
        ({"labels": [1, 0]}, "has the labels"),
        ({"labels": [-1]}, "has an unknown target"),
        ({"labels": [99]}, "has an unknown target"),
        ({"labels": [1]}, "other targets than its labels say"),
        ({"names": ["kite"]}, "other targets than its labels say"),
        ({"sha256": "zz\n[bold]x"}, "has the sha256"),
        ({"sha256": "A" * 64}, "has the sha256"),
    ],
    ids=str,
)
def test_a_row_that_says_what_cannot_be_is_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
):
    write_lock(DatasetDir(tmp_path), data_set(tmp_path, {"a": {0}}, 1))
    refused(rewritten(tmp_path / LOCK_FILE, lambda rows: [rows[0] | changes]), why)


@pytest.mark.parametrize(
    "changes",
    [
        # The bytes of one video under the key of another.
        {"url": url_of("b"), "sha256": "1" * 64},
        {"video_key": key_of("b")},
        {"video_key": "youtube:abcdefghijk"},
        # A withdrawn video under a name that was not withdrawn.
        {"video_key": "url:" + "0" * 64},
        {"video_key": "mine"},
        {"video_key": "../../fetch"},
        {"video_key": "", "url": ""},
        {"url": "https://www.youtube.com/watch?v=abcdefghijk"},
        {"url": "ftp://example.org/a"},
        {"url": "a"},
        {"url": "https://["},
        # A local file is named after its content, and is no url.
        {"video_key": "sha256:" + "1" * 64, "url": "a.mp4"},
        {"video_key": "sha256:" + "0" * 64},
    ],
    ids=str,
)
def test_no_video_may_go_by_the_name_of_another(tmp_path: Path, changes: dict[str, Any]):
    write_lock(DatasetDir(tmp_path), data_set(tmp_path, {"a": {0}}, 1))
    refused(
        rewritten(tmp_path / LOCK_FILE, lambda rows: [rows[0] | changes]), "is not what .* is call"
    )


def test_a_video_of_youtube_goes_by_its_id_whatever_its_url_looks_like(tmp_path: Path):
    write_lock(DatasetDir(tmp_path), data_set(tmp_path, {"a": {0}}, 1))
    for url in ("https://youtu.be/abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk&t=9"):
        changes = {"video_key": "youtube:abcdefghijk", "url": url}
        rewritten(tmp_path / LOCK_FILE, lambda rows, new=changes: [rows[0] | new])
        (video,) = read_lock(tmp_path / LOCK_FILE).rows()
        assert video.video.url == url


def test_what_a_strangers_file_says_cannot_steer_the_terminal(tmp_path: Path):
    write_lock(DatasetDir(tmp_path), data_set(tmp_path, {"a": {0}}, 1))
    rewritten(tmp_path / LOCK_FILE, lambda rows: [rows[0] | {"video_key": "a\x1b[2J\nb"}])
    with pytest.raises(UsageError) as error:
        list(read_lock(tmp_path / LOCK_FILE).rows())
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["neighbours", "lock", "excluded", "excluded_like"])
def test_a_digest_is_a_digest_and_no_markup(out: Path, name: str):
    """The data card shows them as they are."""
    markup = "`x` <img src=x onerror=alert(1)> ["
    said: Any = markup
    if name == "excluded":
        said = {"sha256": markup, "names": [], "videos": 0, "channels": 0}
    if name == "excluded_like":
        said = {"sha256": markup, "names": [], "files": 0, "frames": 0, "unread": 0}
    changed = read_lock(out / LOCK_FILE).header.settings.by_name() | {name: said}
    settings = json.dumps(changed).encode()
    refused(rewritten(out / LOCK_FILE, settings=settings), "matching regex")


def test_rows_that_are_not_in_their_places_are_refused(out: Path):
    refused(rewritten(out / LOCK_FILE, lambda rows: rows[::-1]), "is not in its place")


def test_a_row_that_is_there_twice_is_refused(out: Path):
    refused(rewritten(out / LOCK_FILE, lambda rows: [rows[0], *rows]), "is not in its place")


def test_other_columns_are_refused(out: Path):
    with pq.ParquetFile(out / LOCK_FILE) as table:
        metadata, rows = table.metadata.metadata, table.read().drop_columns("url")
    with pq.ParquetWriter(out / LOCK_FILE, rows.schema) as table:
        table.write_table(rows)
        table.add_key_value_metadata(metadata)
    refused(out / LOCK_FILE, "its columns are video_key")


# As `videonet verify` looks at it.


def problem(out: Path, like: str) -> None:
    (found,) = verify(out).problems
    assert re.search(like, found), found


def test_verify_misses_a_lock_file(out: Path):
    (out / LOCK_FILE).unlink()
    problem(out, f"{LOCK_FILE} cannot be read")
    assert videonet("verify", out).code == 1


def test_verify_finds_a_lock_file_that_says_other_than_the_verdicts(out: Path):
    lock = read_lock(out / LOCK_FILE)
    first = next(lock.rows())

    def change(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [rows[0] | {"bytes": 1}, *rows[1:]]

    rewritten(out / LOCK_FILE, change)
    problem(out, f"and the verdicts differ, first on {first.video_key}")
    rewritten(out / LOCK_FILE, lambda rows: rows[1:])
    problem(out, f"and the verdicts differ, first on {first.video_key}")


def test_verify_finds_a_lock_file_of_another_data_set(out: Path):
    rewritten(out / LOCK_FILE, versions=b"{}", shards=b"[]")
    problem(out, "is of another data set: its versions and shards differ")
