"""videonet recheck: which kept videos are gone, private or under another licence by now."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from demo.behaviours import Status
from demo.server import VideoServer
from tests.curated import VIDEONET, Curated, curated_once, sentence, videonet
from tests.local import ALLOWED, TYPED
from tests.locking import TARGETS, data_set, verdict
from tests.patience import PATIENCE
from tests.site import (
    CREATIVE_COMMONS,
    Condition,
    SiteVideo,
    VideoSite,
    environment,
    installed,
    shared_films,
)
from tests.site.videos import Films
from tests.withdrawing import assert_sound, copied
from videonet.execution.recheck import Rechecked, _other_licence, _Video, recheck
from videonet.fetch.host_state import Pace
from videonet.fetch.rate_limit import host_of
from videonet.fetch.web import Web
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.recheck import Now
from videonet.schemas.video_info import VideoInfo
from videonet.shards.layout import shard_of
from videonet.sources.source import Row
from videonet.sources.video_key import video_key
from videonet.stop_signal import Stopped
from videonet.storage.dataset_dir import DatasetDir

MONTH = timedelta(days=30)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return shared_films(tmp_path_factory.getbasetemp())


@pytest.fixture
def site(films: Films) -> Iterator[VideoSite]:
    film = films[("balloon",), 3]
    names = ("stays", "goes", "hides", "closes")
    videos = [SiteVideo(f"{name:_<11}", name, film, licence=CREATIVE_COMMONS) for name in names]
    with VideoSite(videos) as site, installed(site):
        yield site


@pytest.fixture
def files(tmp_path: Path, films: Films) -> Iterator[VideoServer]:
    (tmp_path / "served").mkdir()
    with VideoServer(tmp_path / "served") as server:
        for name in ("one.mp4", "two.mp4"):
            content = films[("balloon",), 3].formats[1].file.read_bytes()
            (tmp_path / "served" / name).write_bytes(content)
        yield server


def made(out: Path, videos: list[VideoInfo], shards: int = 1) -> Path:
    """A finished data set, as far as this looks at it, in which these videos are kept."""
    out.mkdir()
    manifest = data_set(out, {}, shards)
    output = DatasetDir(out)
    match = Match(target_id="dog", names=("dog",), title=None, query=None, rank=0)
    candidates = []
    for video in videos:
        key = video_key(Row(0, video)) if video.root is None else f"sha256:{video.url:0<64}"
        candidates.append(
            Candidate(video_key=key, video=video, source="catalogue", sha256=None, matches=(match,))
        )
    kept = verdict("v", TARGETS[0], Outcome.KEPT)
    verdicts = [
        msgspec.structs.replace(
            kept, video_key=each.video_key, video=msgspec.structs.replace(each.video, root=None)
        )
        for each in sorted(candidates, key=lambda each: each.video_key)
    ]
    for index in range(shards):
        own = {each.video_key for each in candidates if shard_of(each.video_key, shards) == index}
        output.write_candidates(
            index, shards, [each for each in candidates if each.video_key in own]
        )
        output.write_verdicts(index, shards, [each for each in verdicts if each.video_key in own])
    output.write_manifest(manifest)
    return out


def of_site(site: VideoSite) -> list[VideoInfo]:
    return [
        VideoInfo(video_id=each.id, url=site.url(each.id), title="t", licence=each.licence)
        for each in site.videos.values()
    ]


def of_files(server: VideoServer) -> list[VideoInfo]:
    names = ("one.mp4", "two.mp4")
    return [
        VideoInfo(video_id=name, url=f"{server.address}/{name}", title="t", licence="CC BY")
        for name in names
    ]


def asked(out: Path, older_than: timedelta = MONTH) -> Rechecked:
    web = Web(Pace(10_000, 8, pause=0.01, patience=2), allowed_hosts=ALLOWED)
    return recheck(out, web, older_than)


def change(site: VideoSite, name: str, **changes: object) -> None:
    video = site.videos[f"{name:_<11}"]
    site.videos[video.id] = replace(video, **changes)  # type: ignore[arg-type]


def reasons(done: Rechecked) -> dict[str, str]:
    return {each.video_id.rstrip("_"): str(each.reason) for each in done.proposed}


def test_what_is_as_it_was_is_not_proposed(site: VideoSite, files: VideoServer, tmp_path: Path):
    out = made(tmp_path / "out", of_site(site) + of_files(files))
    done = asked(out)
    assert (done.found, done.proposed) == (Counter({Now.HERE: 6}), [])
    # Of a file, its first bytes; of a page, the page alone.
    assert site.requests("media") == []
    assert {each.range for each in files.requests()} == {"bytes=0-4095"}


def test_what_is_gone_private_or_under_another_licence_is_proposed_with_the_reason(
    site: VideoSite, files: VideoServer, tmp_path: Path
):
    out = made(tmp_path / "out", of_site(site) + of_files(files))
    change(site, "goes", condition=Condition.REMOVED)
    change(site, "hides", condition=Condition.PRIVATE)
    change(site, "closes", licence="All rights reserved")
    (files.folder / "two.mp4").unlink()
    done = asked(out)
    assert done.found == {Now.HERE: 2, Now.GONE: 2, Now.PRIVATE: 1, Now.OTHER_LICENCE: 1}
    said = reasons(done)
    assert said.keys() == {"goes", "hides", "closes", "two.mp4"}
    assert "gone; " in said["goes"]
    assert "removed by the uploader" in said["goes"]
    assert "private; " in said["hides"]
    assert "'All rights reserved' is stated now" in said["closes"]
    assert "404" in said["two.mp4"]


def test_a_site_that_is_down_blocks_or_refuses_says_nothing_of_its_videos(
    site: VideoSite, files: VideoServer, tmp_path: Path
):
    out = made(tmp_path / "out", of_site(site) + of_files(files))
    for name, condition in (
        ("stays", Condition.GEO_BLOCKED),
        ("goes", Condition.AGE_GATED),
        ("hides", Condition.SERVER_ERROR_THEN_FINE),
        ("closes", Condition.BOT_CHECK_THEN_FINE),
    ):
        change(site, name, condition=condition, times=1_000)
    files.behaviours |= {"one.mp4": Status(403), "two.mp4": Status(500)}
    done = asked(out)
    assert (done.found, done.proposed) == (Counter({Now.UNTOLD: 6}), [])
    assert set(done.untold) == {
        *(Reason.GEO_BLOCKED, Reason.AGE_GATED, Reason.SERVER_ERROR, Reason.RATE_LIMITED),
        Reason.REFUSED,
    }


def test_what_could_not_be_told_is_asked_again_and_the_rest_is_not(site: VideoSite, tmp_path: Path):
    with VideoServer(tmp_path) as down:
        address = down.address
    gone = VideoInfo(video_id="down", url=f"{address}/v.mp4", title="t")
    out = made(tmp_path / "out", [*of_site(site), gone])
    done = asked(out)
    assert done.found == {Now.HERE: 4, Now.UNTOLD: 1}
    assert done.untold == {Reason.NETWORK: 1}
    before = len(site.requests())
    done = asked(out)
    assert (done.asked, done.found.total()) == (1, 5)
    assert len(site.requests()) == before
    change(site, "goes", condition=Condition.REMOVED)
    assert asked(out).proposed == []
    done = asked(out, timedelta(0))
    assert (done.asked, [*reasons(done)]) == (5, ["goes"])
    # A later call, which asks nothing of it, still proposes it.
    assert [*reasons(asked(out))] == ["goes"]


def test_a_local_file_is_gone_where_its_folder_is_there(tmp_path: Path):
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("a", "b"):
        (videos / name).write_bytes(b"a video")
    out = made(
        tmp_path / "out",
        [VideoInfo(video_id=name, url=name, root=str(videos), title="t") for name in ("a", "b")],
    )
    (videos / "b").unlink()
    assert asked(out, timedelta(0)).found == {Now.HERE: 1, Now.GONE: 1}
    videos.rename(tmp_path / "unmounted")
    assert asked(out, timedelta(0)).found == {Now.UNTOLD: 2}


@pytest.mark.parametrize(
    ("verdict_says", "page_said", "page_says", "is_other"),
    [
        # The page was read when the video was fetched: each word counts.
        ("CC BY", CREATIVE_COMMONS, CREATIVE_COMMONS.upper(), False),
        ("CC BY", CREATIVE_COMMONS, "", True),
        ("CC BY", CREATIVE_COMMONS, "CC BY-NC", True),
        ("CC BY", "", "", False),
        ("CC BY", "", "CC BY", False),
        # It is not known what it said, and a catalogue has words of its own.
        ("CC BY", None, CREATIVE_COMMONS, False),
        ("CC BY", None, "CC BY-NC-SA 4.0", True),
        ("CC BY", None, "All rights reserved", True),
        ("CC BY", None, "", False),
        (None, None, "All rights reserved", False),
        # A file has no page.
        ("CC BY", None, None, False),
    ],
)
def test_which_licence_is_another_one(
    verdict_says: str | None, page_said: str | None, page_says: str | None, *, is_other: bool
):
    info = VideoInfo(video_id="v", url="https://example.org/v", title="t")
    candidate = Candidate(
        video_key="url:0", video=info, source="catalogue", sha256=None, matches=()
    )
    video = _Video(candidate, verdict_says, page_said)
    assert bool(_other_licence(video, page_says)) == is_other


def test_the_command_writes_a_list_that_withdraw_takes(curated_copy: Curated, tmp_path: Path):
    out, proposed = curated_copy.out, tmp_path / "proposed.json"
    gone = tmp_path / "videos" / "yacht.mp4"
    gone.unlink()
    typed = ("recheck", out, "--to", proposed)
    ended = videonet(*typed)
    assert ended.code == 1, ended.stderr
    assert "3 kept videos, 3 asked about now: 2 here, 1 gone, 0 private" in ended.stdout
    (listed,) = json.loads(proposed.read_text())
    assert listed["video_id"] == "yacht.mp4"
    assert listed["reason"].endswith("gone; the file is not there")
    assert_sound(out)
    ended = videonet("withdraw", out, "--from", proposed, "--store", curated_copy.store)
    assert ended.code == 0, ended.stderr
    assert "1 video to be taken out" in ended.stdout
    assert_sound(out)
    # Of what was answered, nothing names it any more.
    names = (listed["video_id"].encode(), listed["video_key"].encode())
    answers = [file.read_bytes() for file in (out / "_state/recheck").iterdir()]
    assert answers
    assert not any(name in data for data in answers for name in names)
    ended = videonet(*typed)
    assert (ended.code, "2 kept videos, 0 asked about now: 2 here" in ended.stdout) == (0, True)
    assert json.loads(proposed.read_text()) == []


@pytest.fixture
def curated_copy(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Curated:
    """A data set of local files, all of which may be changed."""
    curated = curated_once(tmp_path_factory.getbasetemp())
    copy = copied(curated, tmp_path)
    (tmp_path / "videos").mkdir()
    for each in (curated.folder / "videos").iterdir():
        (tmp_path / "videos" / each.name).write_bytes(each.read_bytes())
    output = DatasetDir(copy.out)
    for index in range(2):
        rows = [
            msgspec.structs.replace(
                each, video=msgspec.structs.replace(each.video, root=str(tmp_path / "videos"))
            )
            for each in output.candidates(index, 2)
        ]
        output.write_candidates(index, 2, rows)
    return copy


class Uneven(VideoSite):
    """A site that takes another time for each answer."""

    delays = random.Random(0)

    @property
    def delay(self) -> float:  # type: ignore[override]
        return self.delays.uniform(0, 0.1)


def test_the_list_is_the_same_whoever_answers_first(films: Films, tmp_path: Path):
    film = films[("balloon",), 3]
    removed = [SiteVideo(f"{n:_<11}", "gone", film, condition=Condition.REMOVED) for n in range(8)]
    lists = []
    with Uneven(removed) as site, installed(site):
        out = made(tmp_path / "out", of_site(site))
        rounds = [asked(out, timedelta(0)) for _ in range(3)]
        lists += [[each.video_key for each in done.proposed] for done in rounds]
    assert lists == [sorted(lists[0])] * 3


def test_a_host_of_which_nearly_all_went_is_warned_of(films: Films, tmp_path: Path):
    (tmp_path / "served").mkdir()
    with VideoServer(tmp_path / "served") as moved:
        videos = [
            VideoInfo(video_id=f"{n}.mp4", url=f"{moved.address}/{n}.mp4", title="t")
            for n in range(5)
        ]
        few = made(tmp_path / "few", videos[:4])
        assert asked(few).deserted == []
        out = made(tmp_path / "out", videos)
        done = asked(out)
        ended = videonet("recheck", out, *TYPED, "--to", tmp_path / "p.json")
    (place,) = done.deserted
    assert (place.place, place.went, place.videos) == (host_of(moved.address), 5, 5)
    assert all("5 of 5 videos of this place went" in str(each.reason) for each in done.proposed)
    assert f"{place.place}: 5 of 5 videos of this place went" in ended.stdout


def test_a_folder_of_which_all_files_went_is_warned_of(tmp_path: Path):
    empty = tmp_path / "mounted"
    empty.mkdir()
    videos = [VideoInfo(video_id=str(n), url=str(n), root=str(empty), title="t") for n in range(5)]
    done = asked(made(tmp_path / "out", videos))
    assert [(each.place, each.is_folder) for each in done.deserted] == [(str(empty), True)]
    # The list names no path of this machine.
    assert not any(str(empty) in str(each.reason) for each in done.proposed)


def test_a_host_that_forbids_is_asked_once_a_video_and_says_nothing(tmp_path: Path):
    (tmp_path / "served").mkdir()
    with VideoServer(tmp_path / "served") as server:
        names = [f"{n}.mp4" for n in range(17)]
        server.behaviours |= {name: Status(403) for name in names}
        out = made(
            tmp_path / "out",
            [VideoInfo(video_id=name, url=f"{server.address}/{name}", title="t") for name in names],
        )
        done = asked(out)
        assert (done.untold, done.proposed) == ({Reason.REFUSED: 17}, [])
        assert len(server.requests()) == 17


def test_a_call_that_asks_all_again_goes_on_where_it_was_interrupted(
    site: VideoSite, tmp_path: Path
):
    out = made(tmp_path / "out", of_site(site), shards=16)
    asked(out)
    web = Web(Pace(10_000, 8, pause=0.01, patience=2), allowed_hosts=ALLOWED)
    first: list[str] = []

    def interrupt(said: str) -> None:
        first.append(said)
        web.stop.set()

    with pytest.raises(Stopped):
        recheck(out, web, timedelta(0), say=interrupt)
    before = len(site.requests("page"))
    done = asked(out, timedelta(0))
    assert 0 < done.asked < 4
    assert len(site.requests("page")) - before == done.asked
    # That one is over: the next begins anew.
    assert asked(out, timedelta(0)).asked == 4


def test_what_is_not_due_is_not_looked_up_in_the_store(curated_copy: Curated):
    store = str(curated_copy.store)
    output = DatasetDir(curated_copy.out)
    facts = json.loads((curated_copy.out / "run.json").read_text())
    facts["plan"]["store"] = store
    output.write_run_facts(facts)
    opened: list[str] = []
    # It stays to the end of the process, and sees no more than these two calls.
    sys.addaudithook(
        lambda event, given: (
            opened.append(str(given[0]))
            if event == "open" and str(given[0]).startswith(store)
            else None
        )
    )
    asked(curated_copy.out)
    of_all, _ = len(opened), opened.clear()
    asked(curated_copy.out)
    assert len(opened) <= of_all - 3


@pytest.mark.slow
def test_interrupted_the_same_command_goes_on(site: VideoSite, tmp_path: Path):
    out = made(tmp_path / "out", of_site(site))
    site.delay = 0.3
    typed = [str(VIDEONET), "recheck", str(out), *TYPED, "--to", str(tmp_path / "p.json")]
    typed += ["--per-host", "1"]
    process = subprocess.Popen(
        typed, env=environment(site), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while len(site.requests("page")) < 2:
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "the same command goes on" in said
    site.delay = 0
    before = len(site.requests("page"))
    done = asked(out)
    assert done.found == {Now.HERE: 4}
    assert 0 < done.asked < 4
    assert len(site.requests("page")) - before == done.asked


def test_what_is_no_finished_data_set_is_a_sentence(tmp_path: Path):
    assert "no finished data set" in sentence(videonet("recheck", tmp_path))
    out = made(tmp_path / "out", [])
    said = sentence(videonet("recheck", out, "--to", out / "manifest.json" / "p.json"))
    assert "give another --to" in said


def test_an_answer_that_cannot_be_read_is_asked_again(site: VideoSite, tmp_path: Path):
    out = made(tmp_path / "out", of_site(site))
    asked(out)
    (out / "_state/recheck/00000.json").write_text("{")
    assert asked(out).asked == 4
