"""videonet.sources.folder: a folder of video files, in the order of their paths."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.rows import row_of
from videonet.errors import UsageError
from videonet.sources.folder import Folder
from videonet.sources.source import Row


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def rows_of(folder: Path) -> list[Row]:
    source = Folder(folder)
    source.check()
    return [row for batch in source.batches() for row in batch]


def test_videos_come_in_the_order_of_their_relative_paths(tmp_path: Path):
    put(tmp_path, "b.mp4", "a/z.mkv", "a.webm", "B.mp4", "a/b/c.mov")
    rows = rows_of(tmp_path)
    assert [row.video.url for row in rows] == ["B.mp4", "a.webm", "a/b/c.mov", "a/z.mkv", "b.mp4"]
    assert [row.rank for row in rows] == [0, 1, 2, 3, 4]
    assert {row.video.root for row in rows} == {str(tmp_path)}


@given(st.sets(st.text("ab_/", min_size=1, max_size=8).map(lambda each: each.strip("/") or "a")))
def test_the_order_does_not_depend_on_the_order_in_which_files_were_made(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
):
    paths = [f"{'/'.join(filter(None, name.split('/')))}.mp4" for name in {"x", *names}]
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    put(one, *paths)
    put(two, *reversed(paths))
    assert [row.video.url for row in rows_of(one)] == [row.video.url for row in rows_of(two)]
    assert [row.video.url for row in rows_of(one)] == sorted(set(paths))


@pytest.mark.parametrize("name", ["a.mp4", "a.MP4", "a.mkv", "a.webm", "a.mov", "a.avi", "a.ts"])
def test_files_with_the_name_of_a_video_are_taken(tmp_path: Path, name: str):
    put(tmp_path, name)
    assert [row.video.url for row in rows_of(tmp_path)] == [name]


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "a.jpg",
        "a.info.json",
        "a.mp3",
        "mp4",
        # A download that was not finished.
        "a.mp4.part",
        "a.f137.mp4.ytdl",
    ],
)
def test_other_files_are_left_out(tmp_path: Path, name: str):
    put(tmp_path, "x.mp4", name)
    assert [row.video.url for row in rows_of(tmp_path)] == ["x.mp4"]


@pytest.mark.parametrize("name", ["._x.mp4", ".x.mp4", ".Trash/y.mp4", "a/.git/z.mp4"])
def test_hidden_files_and_folders_are_left_out(tmp_path: Path, name: str):
    put(tmp_path, "x.mp4", name)
    assert [row.video.url for row in rows_of(tmp_path)] == ["x.mp4"]


def test_a_folder_that_is_hidden_itself_can_be_given(tmp_path: Path):
    put(tmp_path / ".demo", "x.mp4")
    assert [row.video.url for row in rows_of(tmp_path / ".demo")] == ["x.mp4"]


def test_a_link_that_leads_back_does_not_lead_round_and_round(tmp_path: Path):
    put(tmp_path, "a/x.mp4")
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self.mp4").symlink_to(tmp_path / "self.mp4")
    assert [row.video.url for row in rows_of(tmp_path)] == ["a/x.mp4", "self.mp4"]


def test_without_an_info_file_the_title_is_the_files_name_and_the_id_its_path(tmp_path: Path):
    put(tmp_path, "cats/My cat. Part 2.mp4")
    assert rows_of(tmp_path) == [
        row_of(
            0, "cats/My cat. Part 2.mp4", "cats/My cat. Part 2.mp4", str(tmp_path), "My cat. Part 2"
        )
    ]


def test_an_info_file_says_title_id_duration_channel_and_licence(tmp_path: Path):
    put(tmp_path, "x.y.mp4")
    info = {
        "id": "dQw4w9WgXcQ",
        "title": "A cat",
        "duration": 12,
        "channel": "Cats",
        "uploader": "somebody",
        "license": "CC-BY",
        "view_count": 7,
    }
    (tmp_path / "x.y.info.json").write_text(json.dumps(info))
    assert rows_of(tmp_path) == [
        row_of(0, "dQw4w9WgXcQ", "x.y.mp4", str(tmp_path), "A cat", 12.0, "Cats", "CC-BY")
    ]


def test_the_uploader_stands_for_a_channel_that_is_not_given(tmp_path: Path):
    put(tmp_path, "x.mp4")
    (tmp_path / "x.info.json").write_text('{"uploader": "somebody", "channel": null}')
    (row,) = rows_of(tmp_path)
    assert row.video.channel == "somebody"
    assert row.video.title == "x"


@pytest.mark.parametrize("duration", ["null", '"long"', "NaN", "Infinity", "[]", "0", "-1.5"])
def test_a_duration_that_cannot_be_is_unknown(tmp_path: Path, duration: str):
    put(tmp_path, "x.mp4")
    (tmp_path / "x.info.json").write_text(f'{{"duration": {duration}}}')
    assert rows_of(tmp_path)[0].video.duration is None


@pytest.mark.parametrize("content", [b"{", b"[]", b"", b'{"title": "\xe9"}'])
def test_a_broken_info_file_is_named(tmp_path: Path, content: bytes):
    put(tmp_path, "x.mp4")
    (tmp_path / "x.info.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"x\.info\.json is n") as caught:
        rows_of(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["folder", "link to itself"])
def test_an_info_file_that_cannot_be_read_is_named(tmp_path: Path, what: str):
    put(tmp_path, "x.mp4")
    info = tmp_path / "x.info.json"
    info.mkdir() if what == "folder" else info.symlink_to(info)
    with pytest.raises(UsageError, match=r"x\.info\.json cannot be read \([A-Z]"):
        rows_of(tmp_path)


def test_a_folder_below_that_cannot_be_read_is_named(tmp_path: Path):
    put(tmp_path, "x.mp4")
    # Deeper than a path can name.
    above = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("n" * 200, dir_fd=above)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)
    with pytest.raises(UsageError, match=r"The folder .*nnn cannot be read \(File name too long"):
        rows_of(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"There is no folder .*nowhere"):
        rows_of(tmp_path / "nowhere")
    put(tmp_path, "x.mp4")
    with pytest.raises(UsageError, match=r"There is no folder .*x\.mp4"):
        rows_of(tmp_path / "x.mp4")


def test_a_folder_without_videos_is_refused(tmp_path: Path):
    put(tmp_path, "x.txt", ".hidden.mp4")
    with pytest.raises(UsageError, match=r"No file below .* has the name of a video"):
        rows_of(tmp_path)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path):
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.mp4")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(UsageError, match=r"'caf\\udce9.mp4' below .* is not UTF-8; rename it"):
        rows_of(tmp_path)
