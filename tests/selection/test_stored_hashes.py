"""Hashes of clips are kept in the store, and made of the clips wherever these are."""

import shutil
from pathlib import Path

import msgspec
import pytest

from tests.curated import Curated, curated_once, videonet
from tests.storage.test_clips_named import Silent, damage
from tests.withdrawing import copied, kept_beside_others
from videonet.dataset.assembly import intact_clips
from videonet.errors import MachineError
from videonet.selection.stored_hashes import (
    ClipPlaces,
    hashes_of,
    pictures_of,
    stored_hashes,
    write_hashes,
)
from videonet.shards.layout import shard_of
from videonet.shards.writer import FORMATS, WAITING
from videonet.storage.bucket_files import BucketFiles
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.packing import pack
from videonet.storage.scratch import Scratch
from videonet.storage.store import Store
from videonet.video.frame_hash import clip_hashes


@pytest.fixture
def copy(tmp_path_factory, tmp_path: Path) -> Curated:
    return copied(curated_once(tmp_path_factory.getbasetemp()), tmp_path)


@pytest.fixture
def places(copy: Curated) -> ClipPlaces:
    output = DatasetDir(copy.out)
    state = output.run_state()
    lookup = output.lookup()
    shard = next(each for each in output.shard_states.all(lookup.shards) if each)
    return ClipPlaces(Store(copy.store), output, shard.cut_key, state.run_id, lookup.shards)


def kept(places: ClipPlaces) -> dict[str, str]:
    """Content by key of all videos that have clips."""
    states = places.output.shard_states.all(places.shards)
    return {key: sha256 for state in states for key, sha256 in state.videos.items()}


def test_they_are_made_of_the_clips_in_a_shard_and_kept(places: ClipPlaces):
    videos = kept(places)
    for key, sha256 in videos.items():
        made = hashes_of(places, key, sha256)
        assert made.clips
        assert stored_hashes(places.store, key, sha256, places.cut_key) == made
    shutil.rmtree(places.output.place_of("clips"))
    key, sha256 = next(iter(videos.items()))
    assert hashes_of(places, key, sha256)


def test_all_videos_of_a_shard_are_hashed_when_one_of_them_is(places: ClipPlaces):
    videos = kept(places)
    first = min(videos)
    hashes_of(places, first, videos[first])
    shard = shard_of(first, places.shards)
    for key in (each for each in videos if shard_of(each, places.shards) == shard):
        assert stored_hashes(places.store, key, videos[key], places.cut_key)


def test_they_are_made_of_the_clips_that_wait(places: ClipPlaces, tmp_path: Path):
    output = places.output
    state = next(each for each in output.shard_states.all(places.shards) if each.videos)
    clips = list(intact_clips(output, state.files))
    key = clips[0].example_id.rpartition("#")[0]
    own = [each for each in clips if each.example_id.startswith(f"{key}#")]
    file = places.store.temporary()
    with WAITING.open_writer(file) as write:
        for clip in own:
            write(clip)
    elsewhere = places._replace(cut_key="another", run_id="0" * 32, shards=None)
    places.store.adopt(file, places.store.clips(key, "another", "0" * 32))
    assert hashes_of(elsewhere, key, "ab") == clip_hashes(
        own, video_key=key, sha256="ab", cut_key="another"
    )


def test_what_is_of_another_content_or_cut_does_not_count(places: ClipPlaces):
    key, sha256 = next(iter(kept(places).items()))
    made = hashes_of(places, key, sha256)
    assert stored_hashes(places.store, key, "f" * 64, places.cut_key) is None
    assert stored_hashes(places.store, key, sha256, "another") is None
    write_hashes(places.store, msgspec.structs.replace(made, version=made.version + 1))
    assert stored_hashes(places.store, key, sha256, places.cut_key) is None
    assert hashes_of(places, key, sha256) == made


@pytest.mark.parametrize("damage", [b"", b"{", b'{"video_key": 3}'])
def test_what_is_damaged_is_made_again(places: ClipPlaces, damage: bytes):
    key, sha256 = next(iter(kept(places).items()))
    made = hashes_of(places, key, sha256)
    table = places.store.tables.frame_hashes
    (places.store.root / table.name(places.store.digest(key))).write_bytes(damage)
    assert hashes_of(places, key, sha256) == made


def test_without_clips_there_are_none(places: ClipPlaces):
    assert hashes_of(places, "youtube:nobody", "0" * 64) is None
    key, _ = next(iter(kept(places).items()))
    assert hashes_of(places, key, "f" * 64) is None


def test_all_frames_that_are_asked_for_are_shown(places: ClipPlaces):
    key, sha256 = max(kept(places).items())
    hashes = hashes_of(places, key, sha256)
    chosen = range(0, len(hashes.clips), 2)
    assert list(pictures_of(places, hashes, chosen)) == list(chosen)


def test_of_a_parquet_shard_only_the_clips_of_the_video_are_read(copy: Curated, places: ClipPlaces):
    before, wanted = kept_beside_others(copy.out)
    hashes = hashes_of(places, wanted.video_key, wanted.sha256)
    shutil.rmtree(copy.out / "clips" / "tfrecord", ignore_errors=True)
    for file in copy.out.glob("clips/parquet/*"):
        for clip in list(FORMATS["parquet"].read(file)):
            if clip.example_id.rpartition("#")[0] == before.video_key:
                damage(file, clip)
    assert len(pictures_of(places, hashes, [0, 1])) == 2


@pytest.mark.parametrize("left", [None, 0.5])
def test_clips_that_are_gone_or_damaged_show_no_frames(places: ClipPlaces, left: float | None):
    key, sha256 = max(kept(places).items())
    hashes = hashes_of(places, key, sha256)
    for file in Path(places.output.address).glob("clips/*/*"):
        data = file.read_bytes()
        file.unlink()
        if left is not None:
            file.write_bytes(data[: int(left * len(data))])
    with pytest.raises(FileNotFoundError, match="the clips were here and are gone"):
        pictures_of(places, hashes, range(len(hashes.clips)))


def test_what_the_machine_lacks_is_not_taken_for_clips_that_are_gone(
    places: ClipPlaces, tmp_path: Path
):
    key, sha256 = min(kept(places).items())
    hashes = hashes_of(places, key, sha256)
    objects = Silent()
    for file in Path(places.output.address).glob("clips/*/*"):
        objects.write_once(file.relative_to(places.output.address).as_posix(), file)
    places.output.files = BucketFiles(objects, Scratch(tmp_path / "scratch", 1000))
    with pytest.raises(MachineError, match="cannot be read"):
        pictures_of(places, hashes, [0])
    with pytest.raises(MachineError, match="raise --scratch-budget"):
        hashes_of(places._replace(store=Store(tmp_path / "another")), key, sha256)


def test_packed_they_are_the_same(places: ClipPlaces):
    made = {key: hashes_of(places, key, sha256) for key, sha256 in kept(places).items()}
    pack(places.store)
    again = Store(places.store.root)
    for key, hashes in made.items():
        assert stored_hashes(again, key, hashes.sha256, places.cut_key) == hashes


def test_of_a_withdrawn_video_none_stay(copy: Curated, places: ClipPlaces):
    for key, sha256 in kept(places).items():
        hashes_of(places, key, sha256)
    pack(places.store)
    verdict, other = kept_beside_others(copy.out)
    ended = videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
    assert ended.code == 0, ended.stderr
    again = Store(copy.store)
    assert stored_hashes(again, verdict.video_key, verdict.sha256, places.cut_key) is None
    assert stored_hashes(again, other.video_key, other.sha256, places.cut_key)
