"""videonet.sources.video_key: one name for one video, from any source."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.rows import row_of
from videonet.errors import UsageError
from videonet.sources.video_key import canonical, video_key, with_identity


def key_of(url: str, root: Path | str | None = None) -> str:
    return video_key(row_of(4, "x", url, None if root is None else str(root), "A cat"))


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "http://youtube.com/watch?v=dQw4w9WgXcQ",
        "HTTPS://WWW.YOUTUBE.COM/watch?v=dQw4w9WgXcQ",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ#t=3",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=42s",
        "https://www.youtube.com/watch?feature=share&v=dQw4w9WgXcQ",
        # yt-dlp takes these for a playlist unless told otherwise; fetching tells it.
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PLBB231211A4F62143&index=2",
        "https://youtu.be/dQw4w9WgXcQ?list=PLBB231211A4F62143",
        "https://m.youtube.com/watch?v=dQw4w9WgXcQ",
        "https://music.youtube.com/watch?v=dQw4w9WgXcQ",
        "https://youtu.be/dQw4w9WgXcQ",
        "https://youtu.be/dQw4w9WgXcQ?si=abc",
        "https://www.youtube.com/shorts/dQw4w9WgXcQ",
        "https://www.youtube.com/live/dQw4w9WgXcQ",
        "https://www.youtube.com/embed/dQw4w9WgXcQ?rel=0",
        "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ",
        "https://www.youtube.com/v/dQw4w9WgXcQ",
    ],
)
def test_all_urls_of_a_youtube_video_are_one_video(url: str):
    assert key_of(url) == "youtube:dQw4w9WgXcQ"


def test_youtube_ids_tell_capitals_apart():
    assert key_of("https://youtu.be/dQw4w9WgXcq") == "youtube:dQw4w9WgXcq"


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/playlist?list=PLBB231211A4F62143",
        "https://www.youtube.com/@somebody",
        "https://www.youtube.com/results?search_query=dQw4w9WgXcQ",
        "https://example.org/youtube/dQw4w9WgXcQ",
        "https://example.org/?v=https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "https://notyoutube.com/watch?v=dQw4w9WgXcQ",
    ],
)
def test_what_is_no_youtube_video_is_known_by_its_url(url: str):
    assert key_of(url).startswith("url:")


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("https://example.org/a.mp4", "https://EXAMPLE.org/a.mp4"),
        ("https://example.org/a.mp4", "HTTPS://example.org/a.mp4"),
        ("https://example.org/a.mp4", "https://example.org:443/a.mp4"),
        ("http://example.org/a.mp4", "http://example.org:80/a.mp4"),
        ("https://example.org/a.mp4", "https://example.org/a.mp4#t=10"),
        ("https://example.org/a.mp4", "https://example.org/b/../a.mp4"),
        ("https://example.org/a.mp4", "https://example.org/./a.mp4"),
        ("https://example.org/~a.mp4", "https://example.org/%7Ea.mp4"),
        ("https://example.org/a b.mp4", "https://example.org/a%20b.mp4"),
        ("https://example.org/", "https://example.org"),
        ("https://example.org/?a", "https://example.org?a"),
    ],
)
def test_spellings_of_one_url_are_one_video(one: str, same: str):
    assert key_of(one) == key_of(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/a.mp4", "https://example.org/A.mp4"),
        ("https://example.org/a.mp4", "https://example.org/a.mp4?x=1"),
        ("https://example.org/a.mp4?x=1", "https://example.org/a.mp4?x=2"),
        ("https://example.org/a.mp4", "https://example.org:8443/a.mp4"),
        ("https://example.org/a.mp4", "http://example.org/a.mp4"),
        ("https://example.org/a.mp4", "https://www.example.org/a.mp4"),
        ("https://example.org/a/b.mp4", "https://example.org/a%2Fb.mp4"),
    ],
)
def test_other_urls_are_other_videos(one: str, other: str):
    assert key_of(one) != key_of(other)


@given(st.text(max_size=30))
def test_any_text_after_a_host_has_a_key_and_its_canonical_form_is_final(text: str):
    url = f"https://example.org/{text}"
    assert canonical(canonical(url)) == canonical(url)
    assert key_of(url) == key_of(url)


@pytest.mark.parametrize("url", ["http://[::1", "http://example.org:99999999/", "http://"])
def test_a_broken_url_is_known_by_its_text(url: str):
    assert key_of(url) == f"url:{hashlib.sha256(url.encode()).hexdigest()}"


def test_a_key_that_the_source_knows_is_kept():
    row = row_of(0, "x", "https://example.org", None, "A cat", video_key="youtube:known")
    assert video_key(row) == "youtube:known"


@pytest.mark.parametrize(
    ("video_id", "url", "lack"), [("", "https://x/a.mp4", "an id"), ("a", "", "a url")]
)
@pytest.mark.parametrize("root", [None, "/videos"])
def test_a_row_without_id_or_url_is_refused_with_its_content(
    video_id: str, url: str, lack: str, root: str | None
):
    with pytest.raises(UsageError) as caught:
        video_key(row_of(4, video_id, url, root, "A cat"))
    sentence = str(caught.value)
    assert f"Row 5 lacks {lack}" in sentence
    assert all(repr(each) in sentence for each in (video_id, url, "A cat"))


# Local files.


def test_a_local_file_is_known_by_its_content(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"film")
    (tmp_path / "b.mp4").write_bytes(b"film")
    (tmp_path / "c.mp4").write_bytes(b"another")
    keys = [key_of(name, tmp_path) for name in ("a.mp4", "b.mp4", "c.mp4")]
    assert keys[0] == keys[1] == f"sha256:{hashlib.sha256(b'film').hexdigest()}"
    assert keys[2] != keys[0]


def test_a_local_file_that_cannot_be_read_is_known_by_its_path(tmp_path: Path):
    (tmp_path / "folder.mp4").mkdir()
    keys = {key_of(name, tmp_path) for name in ("missing.mp4", "folder.mp4", "nul\0.mp4")}
    assert len(keys) == 3
    assert all(key.startswith("url:") for key in keys)


@pytest.mark.parametrize("url", ["clips/a.mp4", "a.mp4", "www.youtube.com/watch?v=dQw4w9WgXcQ"])
def test_a_local_file_without_files_root_is_refused_naming_row_and_url(url: str):
    with pytest.raises(UsageError) as caught:
        key_of(url)
    sentence = str(caught.value)
    assert "Row 5" in sentence
    assert repr(url) in sentence
    assert "--files-root" in sentence


@pytest.mark.parametrize("url", ["../secret.mp4", "a/../../secret.mp4", "{root}/../secret.mp4"])
def test_a_file_that_is_not_below_files_root_is_not_read(tmp_path: Path, url: str):
    (tmp_path / "secret.mp4").write_bytes(b"film")
    (tmp_path / "files").mkdir()
    key = key_of(url.format(root=tmp_path / "files"), tmp_path / "files")
    assert key == f"url:{hashlib.sha256(str(tmp_path / 'secret.mp4').encode()).hexdigest()}"


def test_a_path_may_be_absolute_or_roundabout_below_files_root(tmp_path: Path):
    file = tmp_path / "files" / "a.mp4"
    file.parent.mkdir()
    file.write_bytes(b"film")
    content = f"sha256:{hashlib.sha256(b'film').hexdigest()}"
    assert {key_of(name, file.parent) for name in (str(file), "b/../a.mp4")} == {content}


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "a.mp4")
    assert key_of("a.mp4", tmp_path).startswith("url:")


def test_a_link_below_files_root_may_lead_elsewhere(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"film")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "link.mp4").symlink_to(tmp_path / "a.mp4")
    assert key_of("link.mp4", tmp_path / "files") == key_of("a.mp4", tmp_path)


@pytest.mark.parametrize("name", ["x" * 5_000, "x/" * 2_500 + "a.mp4", "x" * 256, "\ud83d.mp4"])
def test_a_name_that_no_file_system_takes_is_known_by_its_path(tmp_path: Path, name: str):
    row = row_of(4, "x", name.encode("utf-8", "replace").decode(), str(tmp_path), "A cat")
    assert video_key(row).startswith("url:")
    assert video_key(row) == video_key(row._replace(rank=5))


# Rows that say too little.


def test_a_row_without_an_id_is_called_after_its_url():
    named = with_identity(row_of(4, "", "https://example.org/a.mp4", None, "A cat"))
    assert named.video.video_id == "https://example.org/a.mp4"
    assert video_key(named) == key_of("https://example.org/a.mp4")


@pytest.mark.parametrize("root", [None, "/videos"])
def test_rows_without_a_url_are_videos_of_their_own(root: str | None):
    rows = [row_of(4, "a", "", root, "A cat"), row_of(5, "", "", root, "A cat")]
    named = [with_identity(row) for row in [*rows, row_of(6, "", "", root, "A cat")]]
    assert [row.video.video_id for row in named] == ["a", "row 6", "row 7"]
    assert len({video_key(row) for row in named}) == 3


def test_a_row_with_id_and_url_is_what_it_was():
    row = row_of(4, "x", "https://example.org/a.mp4", None, "A cat")
    assert with_identity(row) is row


def test_a_row_is_named_without_its_secrets():
    without_id = row_of(4, "", "https://me:secret@h/a?token=b", None, "see https://h/?sig=c")
    with pytest.raises(UsageError) as caught:
        video_key(without_id)
    assert str(caught.value) == (
        "Row 5 lacks an id: it has the id '', the url 'https://REDACTED@h/a?token=REDACTED' and "
        "the title 'see https://h/?sig=REDACTED'."
    )
    with pytest.raises(
        UsageError, match=r"Row 5 gives 'REDACTED@h/a\?token=REDACTED', which is no"
    ):
        key_of("me:secret@h/a?token=b")
