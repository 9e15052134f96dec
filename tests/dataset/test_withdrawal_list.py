"""videonet withdraw --from: a published list is applied to the data set that knows its videos."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.behaviours import Hang, Redirect
from demo.server import VideoServer
from tests.curated import Curated, curated_once, sentence, videonet
from tests.curating import verdicts_of
from tests.withdrawing import (
    OUT_OF_ALL,
    assert_sound,
    clips_of,
    copied,
    kept_beside_others,
    outcomes,
    rejected_one,
    tree,
)
from videonet.dataset import withdrawal_list
from videonet.dataset.withdraw import withdraw
from videonet.dataset.withdrawal_list import WithdrawalList, read_list
from videonet.errors import UsageError, machine_error
from videonet.fetch.allowed_hosts import allowed_hosts
from videonet.fetch.small_file import read_small
from videonet.schemas.verdict import Verdict
from videonet.schemas.withdrawal import ListedVideo

LOCAL = allowed_hosts(["127.0.0.1"])


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def copy(curated: Curated, tmp_path: Path) -> Curated:
    return copied(curated, tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VideoServer]:
    (tmp_path / "served").mkdir()
    with VideoServer(tmp_path / "served") as server:
        yield server


def entry(verdict: Verdict, **more: str) -> dict[str, str]:
    return {"video_key": verdict.video_key, "video_id": verdict.video.video_id, **more}


def unknown(number: int) -> dict[str, str]:
    return {"video_key": f"youtube:{number:011}", "video_id": f"{number:011}"}


def test_what_one_data_set_publishes_is_taken_out_of_its_copy(copy: Curated, tmp_path: Path):
    other = copied(copy, tmp_path / "other")
    verdict, _ = kept_beside_others(copy.out)
    withdraw(copy.out, [verdict.video_key], copy.store)
    ended = videonet(
        *("withdraw", other.out, "--from", copy.out / "withdrawn.json", "--store", other.store)
    )
    assert ended.code == 0, ended.stderr
    assert "The list names 1 video to be taken out." in ended.stdout
    assert f"{verdict.video_key} ({verdict.video.video_id!r}) is withdrawn." in ended.stdout
    assert outcomes(other.out, verdict.video_key) == {OUT_OF_ALL}
    assert clips_of(other.out, verdict.video_key) == {}
    for name in ("manifest.json", "withdrawn.json", "videos.lock.parquet"):
        assert (other.out / name).read_bytes() == (copy.out / name).read_bytes()
    assert_sound(other.out)


def test_applied_twice_it_does_nothing(copy: Curated, tmp_path: Path):
    verdict, _ = kept_beside_others(copy.out)
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps([entry(verdict), unknown(1), entry(verdict)]))
    typed = ("withdraw", copy.out, "--from", listed, "--store", copy.store)
    assert videonet(*typed).code == 0
    before = tree(copy.folder)
    ended = videonet(*typed)
    assert "was withdrawn already." in ended.stdout
    assert "does not know 1 of them." in ended.stdout
    assert tree(copy.folder) == before


def test_a_list_of_videos_that_are_not_here_changes_nothing(copy: Curated, tmp_path: Path):
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps([unknown(number) for number in range(30)]))
    before = tree(copy.folder)
    ended = videonet("withdraw", copy.out, "--from", listed, "--store", copy.store)
    assert (ended.code, ended.stderr) == (0, "")
    assert "names 30 videos to be taken out." in ended.stdout
    assert "does not know 30 of them." in ended.stdout
    assert tree(copy.folder) == before


def test_of_marks_those_to_be_dropped_go_and_the_others_stay(copy: Curated, tmp_path: Path):
    first, second = kept_beside_others(copy.out)
    listed = tmp_path / "marks.json"
    marks = [entry(first, mark="keep"), entry(second, mark="drop", reason="no balloon")]
    listed.write_text(json.dumps(marks))
    ended = videonet("withdraw", copy.out, "--from", listed, "--store", copy.store)
    assert "names 1 video to be taken out, and 1 that is to stay." in ended.stdout
    assert "does not know" not in ended.stdout
    assert clips_of(copy.out, first.video_key)
    assert clips_of(copy.out, second.video_key) == {}
    assert_sound(copy.out)


def test_plain_text_names_videos_by_id_or_key(copy: Curated, tmp_path: Path):
    first, second = kept_beside_others(copy.out)
    listed = tmp_path / "ids.txt"
    listed.write_text(f"# taken down\n{first.video.video_id}\r\n\n{second.video_key}\nnobody's\n")
    ended = videonet("withdraw", copy.out, "--from", listed, "--store", copy.store)
    assert "does not know 1 of them." in ended.stdout
    for each in (first, second):
        assert outcomes(copy.out, each.video_key) == {OUT_OF_ALL}


def test_in_json_the_key_counts_for_ids_are_the_same_in_other_sources(
    copy: Curated, tmp_path: Path
):
    verdict, _ = kept_beside_others(copy.out)
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps([unknown(1) | {"video_id": verdict.video.video_id}]))
    ended = videonet("withdraw", copy.out, "--from", listed, "--store", copy.store)
    assert "does not know 1 of them." in ended.stdout
    assert clips_of(copy.out, verdict.video_key)


def test_ids_and_a_list_may_be_given_together(copy: Curated, tmp_path: Path):
    kept, _ = kept_beside_others(copy.out)
    rejected = rejected_one(copy.out)
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps([entry(kept)]))
    typed = ("withdraw", copy.out, rejected.video_key, "--from", listed, "--store", copy.store)
    assert videonet(*typed).code == 0
    for each in (kept, rejected):
        assert outcomes(copy.out, each.video_key) == {OUT_OF_ALL}


def test_of_many_the_first_are_named_and_all_are_counted(
    copy: Curated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys.modules["videonet.cli.withdraw"], "_SHOWN", 2)
    keys = sorted({each.video_key for each in verdicts_of(copy.out)})
    listed = tmp_path / "ids.txt"
    listed.write_text("\n".join(keys))
    ended = videonet("withdraw", copy.out, "--from", listed, "--store", copy.store)
    assert "These are the first 2 of 4; 4 are withdrawn, 0 were already." in ended.stdout
    assert ended.stdout.count(" is withdrawn.") == 2


# Where a list comes from.


def test_a_list_is_read_at_an_address(copy: Curated, server: VideoServer):
    verdict, _ = kept_beside_others(copy.out)
    (server.folder / "withdrawn.json").write_text(json.dumps([entry(verdict)]))
    address = f"{server.address}/withdrawn.json"
    typed = ("withdraw", copy.out, "--from", address, "--store", copy.store)
    assert "is no https address" in sentence(videonet(*typed))
    assert videonet(*typed, "--allow-private-hosts", "127.0.0.1").code == 0
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}


@pytest.mark.parametrize(
    "address",
    [
        *("https://127.0.0.1/list.json", "https://169.254.169.254/latest", "https://[::1]/x"),
        *("http://example.org/list.json", "http://", "https://"),
    ],
)
def test_an_address_that_may_not_be_asked_is_a_sentence(address: str):
    with pytest.raises(UsageError, match=r"no https address|cannot be read|no address"):
        read_list(address)


def test_a_list_on_the_web_is_bounded_in_bytes_and_time(server: VideoServer):
    (server.folder / "long.txt").write_text("an id\n" * 1_000)
    (server.folder / "slow.txt").write_text("an id\n" * 1_000)
    server.behaviours |= {"slow.txt": Hang(100), "away": Redirect("ftp://127.0.0.1/x")}
    with pytest.raises(UsageError, match="the limit is 500"):
        read_small(f"{server.address}/long.txt", 500, LOCAL)
    with pytest.raises(UsageError, match="not done within"):
        read_small(f"{server.address}/slow.txt", 100_000, LOCAL, deadline=0.5)
    for path in ("gone.txt", "away"):
        with pytest.raises(UsageError, match=r"cannot be read|leads elsewhere: ftp"):
            read_small(f"{server.address}/{path}", 500, LOCAL)


@pytest.mark.parametrize(("page", "why"), [("page.html", "a web page"), ("no", "cannot be read")])
def test_no_secret_of_an_address_is_said(page: str, why: str, server: VideoServer):
    (server.folder / "page.html").write_text("<html>")
    host = server.address.removeprefix("http://")
    address = f"http://anna:pa55word@{host}/{page}?token=t0ps3cret&X-Amz-Signature=5e1f5e1f"
    with pytest.raises(UsageError, match=why) as caught:
        read_list(address, LOCAL)
    for secret in ("anna", "pa55word", "t0ps3cret", "5e1f5e1f"):
        assert secret not in str(caught.value)


def test_no_step_of_a_redirection_leaves_what_may_be_asked(server: VideoServer):
    (server.folder / "list.txt").write_text("an id\n")
    # It would lead back to a host that may be asked.
    port = server.address.rpartition(":")[2]
    server.behaviours |= {"away": Redirect(f"http://localhost:{port}/back"), "here": Redirect("b")}
    server.behaviours |= {"back": Redirect(f"{server.address}/list.txt")}
    server.behaviours |= {"b": Redirect(f"{server.address}/list.txt")}
    assert read_small(f"{server.address}/here", 500, LOCAL) == b"an id\n"
    with pytest.raises(UsageError) as caught:
        read_small(f"{server.address}/away", 500, LOCAL)
    said = str(caught.value)
    assert (
        f"{server.address}/away leads elsewhere: http://localhost:{port}/back is no https" in said
    )
    assert "UsageError" not in said


# What is no list.


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"# a comment\n", "it names no video"),
        (b"<!doctype html><title>404</title>", "it looks like a web page"),
        (b"PAR1\x00\xff\xfe", "neither JSON nor UTF-8"),
        (b"an id\x1b[2J", "is no id of a video"),
        (b"\n\nan id\n# no\n" + b'"abc"\n"def"\n', '"abc" in line 5 is no id'),
        (b"x" * 5_000, "is no id of a video"),
        (b'{"video_key": "a"}', "Expected `array`"),
        (b'["a"]', "Expected `object`"),
        (b'[{"video_key": "a"}]', "missing required field `video_id`"),
        (b'[{"video_key": "a", "video_id": "b", "marks": "keep"}]', "unknown field `marks`"),
        (b'[{"video_key": "a", "video_id": "b", "mark": "dropp"}]', "Invalid enum value"),
        (b'[{"video_key": "", "video_id": "b"}]', "length >= 1"),
        (b'[{"video_key": "a", "video_id": 5}]', "Expected `str`"),
        (b"[" * 100_000, "nested too deeply|malformed|truncated|Expected"),
    ],
)
def test_what_is_no_list_is_a_sentence_and_changes_nothing(
    content: bytes, why: str, tmp_path: Path
):
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(UsageError, match="is no list of videos to withdraw") as caught:
        read_list(str(tmp_path / "list"))
    assert any(each in str(caught.value) for each in why.split("|")), caught.value
    assert "\n" not in str(caught.value)


def test_a_list_that_is_too_long_or_not_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(withdrawal_list, "MOST_BYTES", 10)
    (tmp_path / "list").write_text("a" * 11)
    os.mkfifo(tmp_path / "pipe")
    for name in ("list", "nothing", ".", "pipe", "/dev/zero"):
        with pytest.raises(UsageError, match="cannot be read") as caught:
            read_list(str(tmp_path / name))
        # The edge of the command takes nothing of that for a full disk.
        assert machine_error(caught.value) is None


@pytest.mark.parametrize("content", [b"a\nb\nc\n", json.dumps([{}, {}, {}]).encode()])
def test_a_list_of_too_many_videos_is_a_sentence(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(withdrawal_list, "MOST_VIDEOS", 2)
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(UsageError, match="more than 2 entries; divide it"):
        read_list(str(tmp_path / "list"))


def test_a_text_of_which_no_line_is_known_has_an_exit_code_of_its_own(
    copy: Curated, tmp_path: Path
):
    (tmp_path / "ids.csv").write_text("abc,2024-01-01\ndef,2024-01-02\n")
    before = tree(copy.folder)
    ended = videonet("withdraw", copy.out, "--from", tmp_path / "ids.csv", "--store", copy.store)
    assert (ended.code, ended.stderr) == (3, "")
    assert "knows no line of the list" in ended.stdout
    assert "and not such as abc,2024-01-01" in ended.stdout
    assert tree(copy.folder) == before


def test_a_video_that_is_to_stay_and_to_go_is_for_a_person_to_decide(tmp_path: Path):
    both = [unknown(1), unknown(1) | {"mark": "keep"}]
    (tmp_path / "list").write_text(json.dumps(both))
    with pytest.raises(UsageError, match="both keep and drop"):
        read_list(str(tmp_path / "list"))


def test_nothing_named_is_a_sentence(curated: Curated):
    assert "give a video_id, or --from a list" in sentence(videonet("withdraw", curated.out))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=9), st.sampled_from(["drop", "keep"]))))
def test_every_video_of_a_list_goes_or_stays(marks: list[tuple[str, str]]):
    by_key = dict(marks)
    videos = [
        ListedVideo(video_key=key, video_id="v", mark="drop" if mark == "drop" else "keep")
        for key, mark in by_key.items()
    ]
    found = withdrawal_list._parsed("list", b"  " + msgspec.json.encode(videos))
    drop = frozenset(key for key, mark in by_key.items() if mark == "drop")
    assert found == WithdrawalList(keys=drop, to_keep=len(by_key) - len(drop))
    assert len(found) == len(drop)
