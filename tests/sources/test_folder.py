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
from videonet.sources.video_key import video_key


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


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a.mp4",
            "a.MP4",
            "a.mkv",
            "a.webm",
            "a.mov",
            "a.avi",
            "a.ts",
            "a.mpeg",
            "a.m2ts",
            "a.vob",
        ),
        *("a.gif", "a.asf", "a.mxf", "a.m2v", "a.qt", "a.avif", "a.GIF", "a.ogm", "a.rm", "a.rmvb"),
        *("a.mpe", "a.m1v", "a.mjpeg", "a.nut", "a.y4m", "a.ivf", "a.wtv", "a.dvr-ms", "a.dv"),
        *("a.h264", "a.hevc", "a.obu", "a.swf", "a.mod", "a.tod", "a.mj2", "a.ogg", "a.wmv"),
    ],
)
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


def test_links_to_folders_are_followed(tmp_path: Path):
    put(tmp_path / "disk", "b.mp4", "more/c.mp4")
    put(tmp_path / "here", "a.mp4")
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "disk", target_is_directory=True)
    rows = rows_of(tmp_path / "here")
    assert [row.video.url for row in rows] == ["a.mp4", "linked/b.mp4", "linked/more/c.mp4"]
    assert len({video_key(row) for row in rows}) == 3
    assert all(video_key(row).startswith("sha256:") for row in rows)


def test_a_folder_that_is_a_link_can_be_given(tmp_path: Path):
    put(tmp_path / "disk", "b.mp4")
    (tmp_path / "here").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert [row.video.url for row in rows_of(tmp_path / "here")] == ["b.mp4"]


def test_a_folder_that_several_ways_lead_to_is_read_once_by_the_straight_one(tmp_path: Path):
    put(tmp_path, "z/x.mp4", "y/w.mp4")
    for name in ("a", "y/b", "c"):
        (tmp_path / name).symlink_to(tmp_path / "z", target_is_directory=True)
    assert [row.video.url for row in rows_of(tmp_path)] == ["y/w.mp4", "z/x.mp4"]


def test_of_two_links_to_one_folder_the_first_in_the_alphabet_is_followed(tmp_path: Path):
    put(tmp_path / "disk", "x.mp4")
    (tmp_path / "here").mkdir()
    for name in ("b", "a", "c"):
        (tmp_path / "here" / name).symlink_to(tmp_path / "disk", target_is_directory=True)
    assert [row.video.url for row in rows_of(tmp_path / "here")] == ["a/x.mp4"]


def test_links_that_lead_round_through_another_folder_end(tmp_path: Path):
    put(tmp_path, "here/x.mp4", "there/y.mp4")
    (tmp_path / "here" / "on").symlink_to(tmp_path / "there", target_is_directory=True)
    (tmp_path / "there" / "back").symlink_to(tmp_path / "here", target_is_directory=True)
    (tmp_path / "there" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "there" / "nowhere").symlink_to(tmp_path / "nowhere")
    assert [row.video.url for row in rows_of(tmp_path / "here")] == ["on/y.mp4", "x.mp4"]


_TREE = st.lists(st.sampled_from("abcd"), min_size=0, max_size=3).map("/".join)


@given(st.sets(_TREE), st.lists(st.tuples(_TREE, st.sampled_from("lmn"), _TREE), max_size=5))
def test_however_links_lead_each_file_comes_once(
    tmp_path_factory: pytest.TempPathFactory, places: set[str], links: list[tuple[str, str, str]]
):
    root = tmp_path_factory.mktemp("tree")
    put(root, "v.mp4", *(f"{place}/v.mp4" for place in places if place))
    for place, name, target in links:
        if not (root / place / name).is_symlink() and (root / place).is_dir():
            (root / place / name).symlink_to(root / target, target_is_directory=True)
    rows = rows_of(root)
    files = {os.path.realpath(root / row.video.url) for row in rows}
    assert len(files) == len(rows)
    assert files == {str(file.resolve()) for file in root.rglob("v.mp4")}


def test_what_is_passed_over_is_said_with_its_endings(tmp_path: Path):
    put(
        tmp_path,
        "x.mp4",
        "x.jpg",
        "y.JPG",
        "a/z.jpg",
        "x.en.vtt",
        "README",
        ".hidden",
        "x.mp4.part",
    )
    (tmp_path / "x.info.json").write_text("{}")
    assert Folder(tmp_path).check() == [
        f"Below {tmp_path}, 6 files without the name of a video are passed over: 3 .jpg, "
        "1 without an ending, 1 .part, 1 .vtt."
    ]


def test_of_many_endings_the_commonest_are_said(tmp_path: Path):
    put(tmp_path, "x.mp4", *(f"{n}.e{i:02}" for i in range(12) for n in range(20 - i)))
    (said,) = Folder(tmp_path).check()
    assert said.endswith("14 .e06, 13 .e07, 42 files of 4 other endings.")


def test_nothing_is_said_where_nothing_is_passed_over(tmp_path: Path):
    put(tmp_path, "x.mp4", "y.mkv")
    (tmp_path / "x.info.json").write_text("{}")
    assert Folder(tmp_path).check() == []


def test_what_an_ending_holds_does_not_change_what_is_said(tmp_path: Path):
    put(tmp_path, "x.mp4", "a.\n\x1b[31m", "b." + "y" * 200)
    (said,) = Folder(tmp_path).check()
    assert said.isprintable()
    assert "2 files" in said


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
    with pytest.raises(UsageError, match=r"No file below .* has the name of a video.*1 \.txt"):
        rows_of(tmp_path)


@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 2500])
def test_a_folder_whose_name_is_too_long_is_not_there(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="There is no folder"):
        rows_of(tmp_path / name)


def test_a_name_that_leaves_no_room_for_an_info_file_is_taken(tmp_path: Path):
    put(tmp_path, "x" * 251 + ".mp4")
    (row,) = rows_of(tmp_path)
    assert row.video.title == "x" * 251


def test_numbers_of_an_info_file_may_be_longer_than_pythons(tmp_path: Path):
    put(tmp_path, "x.mp4")
    (tmp_path / "x.info.json").write_text(f'{{"id": {"9" * 5000}, "duration": {"9" * 400}}}')
    (row,) = rows_of(tmp_path)
    assert (row.video.video_id, row.video.duration) == ("9" * 5000, None)


def test_an_info_file_that_is_nested_too_deep_is_named(tmp_path: Path):
    put(tmp_path, "x.mp4")
    (tmp_path / "x.info.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match=r"x\.info\.json is not JSON"):
        rows_of(tmp_path)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path):
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.mp4")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(UsageError, match=r"'caf\\udce9.mp4' below .* is not UTF-8; rename it"):
        rows_of(tmp_path)
