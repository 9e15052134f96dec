"""FORMATS: what holds for every file format."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shards.conftest import LABEL_IDS, MOTION, make_clip
from videonet.errors import UsageError
from videonet.schemas.clip import LABEL_ID_COLUMNS, MOTION_COLUMNS, Clip
from videonet.schemas.shard_form import LAYOUTS, OLDEST_FORM, ShardForm
from videonet.shards.writer import FORMATS

each_format = pytest.mark.parametrize("name", FORMATS)

INT64 = st.integers(-(2**63), 2**63 - 1)
ANY_CLIP = st.builds(
    Clip,
    clip_start_timestamp=INT64,
    clip_end_timestamp=INT64,
    clip_label_index=st.lists(INT64, max_size=3).map(tuple),
    image_height=INT64,
    image_width=INT64,
    image_channels=INT64,
    # TFRecord keeps 32 bits of it
    image_frame_rate=st.floats(width=32, allow_nan=False),
    image_encoded=st.lists(st.binary(max_size=200), max_size=5).map(tuple),
    image_timestamp=st.lists(INT64, max_size=5).map(tuple),
    clip_label_target_id=st.none(),
    clip_label_wnid=st.none(),
    clip_motion_repeated=st.none(),
    clip_motion_difference=st.none(),
    clip_cut_timestamp=st.none(),
)
NAMES = st.lists(st.text(max_size=9), max_size=3).map(tuple)
LATER_COLUMNS = st.fixed_dictionaries(
    {
        "clip_label_target_id": NAMES,
        "clip_label_wnid": NAMES,
        # as they are measured: in steps of which both formats hold each
        "clip_motion_repeated": st.integers(0, 1024).map(lambda parts: parts / 1024),
        "clip_motion_difference": st.integers(0, 255 * 1024).map(lambda parts: parts / 1024),
        "clip_cut_timestamp": st.lists(INT64, max_size=3).map(tuple),
    }
)


def write(name: str, path: Path, clips: list[Clip], form: ShardForm = OLDEST_FORM) -> bytes:
    with FORMATS[name].open_writer(path, form) as write_clip:
        for clip in clips:
            write_clip(clip)
    return path.read_bytes()


def read(name: str, path: Path) -> list[Clip]:
    return list(FORMATS[name].read(path))


@given(clips=st.lists(ANY_CLIP, max_size=4), layout=st.sampled_from(LAYOUTS))
def test_every_format_gives_back_the_clips_that_were_written(clips, layout):
    with TemporaryDirectory() as folder:
        for name in FORMATS:
            path = Path(folder, f"clips.{name}")
            write(name, path, clips, ShardForm(layout))
            assert read(name, path) == clips


@settings(max_examples=40)
@given(
    clips=st.lists(st.tuples(ANY_CLIP, LATER_COLUMNS), max_size=4),
    form=st.builds(ShardForm, st.sampled_from(LAYOUTS), st.booleans(), st.booleans()),
)
def test_so_does_every_format_with_the_columns_that_earlier_versions_lack(clips, form):
    has = (*(MOTION_COLUMNS if form.motion else ()), *(LABEL_ID_COLUMNS if form.label_ids else ()))
    whole = [msgspec.structs.replace(clip, **later) for clip, later in clips]
    stored = [
        msgspec.structs.replace(clip, **{name: later[name] for name in has})
        for clip, later in clips
    ]
    with TemporaryDirectory() as folder:
        for name in FORMATS:
            path = Path(folder, f"clips.{name}")
            write(name, path, whole, form)
            assert read(name, path) == stored


@each_format
def test_without_them_a_file_is_that_of_versions_that_had_none(name, clips, tmp_path):
    newest = [msgspec.structs.replace(clip, **MOTION, **LABEL_IDS) for clip in clips]
    before = write(name, tmp_path / "one", clips)
    assert before == write(name, tmp_path / "other", newest)
    for form in (ShardForm(motion=True), ShardForm(label_ids=True)):
        assert write(name, tmp_path / "one", newest, form) != before


@each_format
def test_equal_clips_are_equal_bytes(name, clips, tmp_path):
    assert write(name, tmp_path / "one", clips) == write(name, tmp_path / "other", clips)


@each_format
def test_a_clip_keeps_all_its_labels(name, clips, tmp_path):
    write(name, tmp_path / "clips", clips)
    assert read(name, tmp_path / "clips")[1].clip_label_index == (2, 3)
    assert read(name, tmp_path / "clips")[1].clip_label_text == ("white shark", "tiger shark")


@each_format
def test_no_clips_are_a_valid_file(name, tmp_path):
    write(name, tmp_path / "clips", [])
    assert read(name, tmp_path / "clips") == []


@each_format
def test_clips_are_read_one_at_a_time(name, clips, tmp_path):
    write(name, tmp_path / "clips", clips)
    assert next(FORMATS[name].read(tmp_path / "clips")) == clips[0]


@each_format
def test_a_changed_byte_of_a_picture_is_noticed(name, clips, tmp_path):
    data = bytearray(write(name, tmp_path / "clips", clips))
    data[data.index(clips[1].image_encoded[0]) + 50] ^= 1
    (tmp_path / "clips").write_bytes(data)
    with pytest.raises(UsageError, match=rf"{tmp_path}/clips: clip 1 is damaged"):
        read(name, tmp_path / "clips")


@each_format
@given(data=st.data())
def test_a_file_cut_short_within_a_clip_is_noticed(name, data):
    with TemporaryDirectory() as folder:
        path = Path(folder, "clips")
        whole = write(name, path, [make_clip(0, frames=1)])
        path.write_bytes(whole[: data.draw(st.integers(1, len(whole) - 1))])
        with pytest.raises(UsageError, match="damaged"):
            read(name, path)


@each_format
def test_a_file_that_is_not_there_is_not_called_damaged(name, tmp_path):
    with pytest.raises(FileNotFoundError):
        read(name, tmp_path / "clips")
