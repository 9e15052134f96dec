"""videonet.fetch.http_range: what is fetched of a file whose first frames are wanted."""

import hashlib
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from demo.behaviours import Cut, NoLength, NoRanges, Redirect, Status
from demo.drawing import draw_video
from demo.encoding import Encoding
from demo.odd_files import write_noise, write_page
from demo.server import VideoServer
from tests.fetch.fetching import fetch, release
from tests.fetch.forwarding import ForwardProxy
from tests.fetch.padding import pad
from tests.fetch.visiting import LIMITS, candidate, quick_web
from tests.fetch.withholding import Withholding
from tests.local import ALLOWED
from tests.stored import file_of
from videonet.fetch.acquire import local_part
from videonet.fetch.credentials import Credentials
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.host_state import Pace
from videonet.fetch.range_probe import FIRST_BYTES
from videonet.fetch.sparse_file import PartSource
from videonet.fetch.web import Web
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason
from videonet.stop_signal import Stopped, StopSignal
from videonet.storage.store import Store
from videonet.video.decode import first_frames
from videonet.video.decoder import shared_decoder

FRAMES = 100
SIZE = 3_000_000
NAMES = ["index first.mp4", "index last.mp4", "frames only.webm"]


def write_noisy_webm(path: Path) -> None:
    """250 frames that take the same room each, some 3 MB in all."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(
            "libvpx", rate=25, options={"deadline": "realtime", "cpu-used": "8", "b": "2400k"}
        )
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        noise = np.random.default_rng(0)
        for _ in range(250):
            picture = noise.integers(0, 256, (120, 160, 3), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files whose first frames are a small part of them."""
    folder = tmp_path_factory.mktemp("large")
    for name in NAMES[:2]:
        path = folder / name
        draw_video(path, "balloon", 12, encoding=Encoding(index_first=name == NAMES[0]))
        pad(path, SIZE)
    write_noisy_webm(folder / NAMES[2])
    return folder


def first_of(server: VideoServer, store: Store, name: str, **options) -> Fetch:
    return fetched(server.url(name), store, frames=FRAMES, **options)


def fetched(url: str, store: Store, *, frames=None, budget=None, limits=LIMITS, web=None) -> Fetch:
    budget = budget or DiskBudget(None)
    return fetch(candidate(url), store, budget, limits, web or quick_web(), "run", frames)


def sent(server: VideoServer) -> int:
    return sum(each.bytes_sent for each in server.requests())


def same_frames(record: Fetch, store: Store, file: Path) -> bool:
    """Whether the part that is here shows what the file shows."""
    part = local_part(record, store)
    assert part is not None
    source = PartSource(part)
    seen = shared_decoder().first_frames(source, FRAMES, 64, (56, 56))
    assert source.failure is None
    whole = first_frames(file, FRAMES, 64, (56, 56))
    return np.array_equal(seen.images, whole.images) and seen.probe == whole.probe


@pytest.mark.parametrize("name", NAMES)
def test_only_what_the_first_frames_need_is_fetched(large, store, name):
    with VideoServer(large) as server:
        record = first_of(server, store, name)
        size = (large / name).stat().st_size
        assert sent(server) < size * (0.6 if name.endswith("webm") else 0.2)
        assert len(server.requests()) <= 4
    assert record.reason is None
    assert not record.here
    assert record.sha256 is None
    assert record.bytes == record.part.size == size
    assert record.attempts == 1
    assert same_frames(record, store, large / name)


@pytest.mark.parametrize("name", NAMES)
def test_the_rest_comes_later_and_no_byte_comes_twice(large, store, name):
    content = (large / name).read_bytes()
    budget = DiskBudget(None)
    with VideoServer(large) as server:
        part = first_of(server, store, name, budget=budget)
        assert budget.used == len(content)
        record = fetched(server.url(name), store, budget=budget)
        assert sent(server) == len(content)
    assert record.here
    assert record.attempts == 1
    assert record.part == part.part
    assert record.sha256 == hashlib.sha256(content).hexdigest()
    assert file_of(store, record).read_bytes() == content
    assert local_part(record, store) is None
    assert budget.used == len(content) == store.video_bytes()


def test_a_file_no_larger_than_the_first_request_is_here_as_a_whole(folder, store, video):
    with VideoServer(folder) as server:
        record = first_of(server, store, "a video.mp4")
        assert len(server.requests()) == 1
    assert len(video) < FIRST_BYTES
    assert record.here
    assert record.part is None
    assert file_of(store, record).read_bytes() == video


@pytest.mark.parametrize("behaviour", [NoRanges(), NoLength(), NoLength(chunked=False)])
def test_a_server_that_gives_no_parts_is_asked_for_the_whole_file(large, store, behaviour):
    name = NAMES[0]
    if behaviour == NoRanges():
        server = VideoServer(large, {name: behaviour})
    else:
        server = VideoServer(large, {name: behaviour}, ranges=False)
    with server:
        record = first_of(server, store, name)
    assert record.here
    assert record.part is None
    assert record.attempts == 1
    assert file_of(store, record).read_bytes() == (large / name).read_bytes()


def test_a_connection_that_is_cut_is_resumed_where_it_broke(large, store):
    name = NAMES[2]
    with VideoServer(large, {name: Cut(after=100_000, times=1)}) as server:
        record = first_of(server, store, name)
        assert len({each.range for each in server.requests()}) == len(server.requests())
    assert record.reason is None
    assert record.attempts == 1
    assert same_frames(record, store, large / name)


def test_a_file_that_is_another_one_by_now_is_fetched_anew_and_what_was_seen_of_it_forgotten(
    large, store, tmp_path
):
    served = tmp_path / "changing"
    served.mkdir()
    file = served / "v.mp4"
    file.write_bytes((large / NAMES[0]).read_bytes())
    with VideoServer(served) as server:
        first_of(server, store, "v.mp4")
        file.write_bytes((large / NAMES[1]).read_bytes())
        record = fetched(server.url("v.mp4"), store)
    assert record.here
    assert record.part is None
    assert file_of(store, record).read_bytes() == (large / NAMES[1]).read_bytes()
    assert local_part(record, store) is None


@pytest.mark.parametrize("changed", [False, True])
def test_a_file_that_is_fetched_again_is_known_by_the_part_that_was_seen(
    large, store, tmp_path, changed
):
    served = tmp_path / "changing"
    served.mkdir()
    file = served / "v.mp4"
    file.write_bytes((large / NAMES[0]).read_bytes())
    with VideoServer(served) as server:
        part = first_of(server, store, "v.mp4")
        assert release(part, store) == part.part.size
        if changed:
            file.write_bytes((large / NAMES[1]).read_bytes())
        record = fetched(server.url("v.mp4"), store)
    assert record.here
    assert record.part == (None if changed else part.part)


def test_a_redirection_is_followed_and_its_answer_used(large, store):
    name = NAMES[0]
    with VideoServer(large, {"moved.mp4": Redirect(name)}) as server:
        record = first_of(server, store, "moved.mp4")
        ranges = [each.range for each in server.requests(name)]
    assert same_frames(record, store, large / name)
    assert len(set(ranges)) == len(ranges)


@pytest.mark.parametrize(("status", "reason"), [(404, "unavailable"), (403, "refused")])
def test_a_refusal_has_its_reason_and_costs_one_request(large, store, status, reason):
    with VideoServer(large, {"v.mp4": Status(status)}) as server:
        record = first_of(server, store, "v.mp4")
        assert len(server.requests()) == 1
    assert record.reason == reason
    assert record.part is None


def test_what_is_no_video_is_told_as_if_it_were_fetched_whole(store, tmp_path):
    served = tmp_path / "odd"
    served.mkdir()
    write_page(served / "page.html")
    write_page(served / "page.mp4")
    write_noise(served / "noise.mp4")
    (served / "empty.mp4").touch()
    for name in ("page.html", "page.mp4", "noise.mp4", "empty.mp4"):
        with VideoServer(served) as server:
            in_part = first_of(server, store, name)
            whole = fetched(server.url(name), Store(store.root))
        assert in_part.reason is not None
        assert (in_part.reason, in_part.part) == (whole.reason, None)


def test_a_file_above_the_size_limit_is_too_large_at_the_first_answer(large, store):
    limits = replace(LIMITS, max_bytes=1_000_000)
    with VideoServer(large) as server:
        record = first_of(server, store, NAMES[0], limits=limits)
        assert sent(server) <= FIRST_BYTES
    assert record.reason is Reason.TOO_LARGE
    assert record.bytes == (large / NAMES[0]).stat().st_size
    assert record.part is None


def test_room_is_made_for_the_whole_file_and_is_free_when_the_part_is_released(large, store):
    size = (large / NAMES[0]).stat().st_size
    budget = DiskBudget(size)
    with VideoServer(large) as server:
        record = first_of(server, store, NAMES[0], budget=budget)
    assert budget.used == store.video_bytes() == size
    assert release(record, store) == size
    assert store.video_bytes() == 0


def test_a_part_that_no_record_speaks_of_leaves_with_the_room_that_it_took(large, store):
    """As where a process was killed before it had written the record."""
    size = (large / NAMES[0]).stat().st_size
    orphan = store.root / store.part("url:key")
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(bytes(1_000_000))
    budget = DiskBudget(size, used=store.video_bytes())
    with VideoServer(large) as server:
        record = first_of(server, store, NAMES[0], budget=budget)
    assert record.reason is None
    assert budget.used == store.video_bytes() == size


def test_without_room_nothing_stays(large, store):
    budget = DiskBudget(1_000_000)
    with VideoServer(large) as server:
        record = first_of(server, store, NAMES[0], budget=budget)
    assert record.reason is Reason.DISK_FULL
    assert budget.used == store.video_bytes() == 0


@pytest.mark.parametrize("frames", [FRAMES, None])
def test_of_a_download_that_breaks_off_what_came_is_kept(large, store, frames):
    name, limit = "v.mp4", 400_000
    (large / name).write_bytes((large / NAMES[0]).read_bytes())
    with Withholding(large, {name: limit}).serving() as server:
        record = fetched(server.url(name), store, frames=frames)
        if frames:
            # The first frames are there; the rest is what fails.
            assert record.reason is None
            record = fetched(server.url(name), store)
    assert record.reason in {Reason.NETWORK, Reason.REFUSED}
    assert same_frames(record, store, large / NAMES[0])


@pytest.mark.parametrize(
    "oddity",
    [{"unstable": True}, {"generous": True}, {"refuse": 400}, {"refuse": 501}, {"refuse": 416}],
    ids=str,
)
def test_a_server_that_is_odd_with_ranges_gives_the_whole_file_all_the_same(large, store, oddity):
    name = "odd.mp4"
    (large / name).write_bytes((large / NAMES[1]).read_bytes())
    with Withholding(large, {}, **oddity).serving() as server:
        first = fetched(server.url(name), store, frames=FRAMES)
        assert first.reason is None
        assert first.here or same_frames(first, store, large / name)
        record = first if first.here else fetched(server.url(name), store)
    assert record.here
    assert file_of(store, record).read_bytes() == (large / name).read_bytes()


def test_of_a_video_within_a_page_a_part_is_fetched_too(large, store):
    (large / "embedded.mp4").write_bytes((large / NAMES[0]).read_bytes())
    page = b"<!doctype html><title>A page</title><video src='embedded.mp4'></video>"
    (large / "page.html").write_bytes(page)
    with Withholding(large, {}).serving() as server:
        record = fetched(server.url("page.html"), store, frames=FRAMES)
        assert server.sent("embedded.mp4") < SIZE / 4
    assert same_frames(record, store, large / NAMES[0])


@pytest.mark.parametrize("name", NAMES)
def test_the_end_of_a_run_ends_a_fetch_at_once_and_silently(large, store, name, capfd):
    stop = StopSignal()

    class Ending(list):
        """The run is to end when a decoder asks for more than the first answer."""

        def append(self, request: object) -> None:
            super().append(request)
            if len(self) == 2:
                stop.set()

    odd = name.replace(" ", "-")
    (large / odd).write_bytes((large / name).read_bytes())
    with Withholding(large, {}).serving() as server:
        server.log = Ending()
        with pytest.raises(Stopped):
            fetched(server.url(odd), store, frames=FRAMES, web=quick_web(stop))
        assert len(server.log) == 2
    assert capfd.readouterr().err == ""
    assert store.video_bytes() == 0


def test_what_is_broken_behind_the_first_frames_is_no_fault_of_theirs(store, tmp_path):
    """As raw frames are, each of which has a head of its own."""
    served = tmp_path / "raw"
    served.mkdir()
    frames = [bytes([number % 256]) * (160 * 120 * 3 // 2) for number in range(130)]
    heads = [b"FRAME\n"] * 105 + [b"BROKEN"] * 25
    body = b"".join(head + frame for head, frame in zip(heads, frames, strict=True))
    (served / "v.y4m").write_bytes(b"YUV4MPEG2 W160 H120 F25:1 Ip A1:1 C420\n" + body)
    with VideoServer(served) as server:
        record = first_of(server, store, "v.y4m")
    assert record.reason is None
    if not record.here:
        assert same_frames(record, store, served / "v.y4m")


def test_what_was_seen_of_a_file_outlasts_a_later_download_that_breaks_off(large, store):
    name = "v.mp4"
    (large / name).write_bytes((large / NAMES[0]).read_bytes())
    with Withholding(large, {}).serving() as server:
        seen = fetched(server.url(name), store, frames=FRAMES)
        release(seen, store)
        server.limits[name] = 200_000
        record = fetched(server.url(name), store)
    assert record.reason is not None
    assert record.part == seen.part
    assert local_part(record, store) is None
    assert store.video_bytes() == 0


def test_of_a_part_nobody_knows_whether_it_is_of_the_file_that_was_whole_once(large, store):
    with VideoServer(large) as server:
        whole = fetched(server.url(NAMES[0]), store)
        assert whole.sha256 is not None
        release(whole, store)
        part = first_of(server, store, NAMES[0])
        assert part.part is not None
        assert part.sha256 is None
        assert fetched(server.url(NAMES[0]), store).sha256 == whole.sha256


def test_every_request_has_the_headers_and_cookies_that_the_user_gave(large, store, tmp_path):
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(
        "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tsecret\n"
    )
    name = NAMES[1].replace(" ", "-")
    (large / name).write_bytes((large / NAMES[1]).read_bytes())
    credentials = Credentials(cookies=cookies, user_agent="A browser")
    web = Web(Pace(requests_per_second=1000), credentials, allowed_hosts=ALLOWED)
    with Withholding(large, {}).serving() as server:
        fetched(server.url(name), store, frames=FRAMES, web=web)
        record = fetched(server.url(name), store, web=web)
        headers = [each for _, _, each in server.log]
    assert record.here
    assert len(headers) >= 3
    assert {each["User-Agent"] for each in headers} == {"A browser"}
    assert {each["Cookie"] for each in headers} == {"session=secret"}
    assert all(each["Range"].startswith("bytes=") for each in headers)


def test_every_request_goes_through_the_proxy_that_the_user_gave(large, store):
    with VideoServer(large) as server, ForwardProxy() as proxy:
        credentials = Credentials(proxies=(f"http://{proxy.place}",))
        web = Web(Pace(requests_per_second=1000), credentials, allowed_hosts=ALLOWED)
        part = first_of(server, store, NAMES[1], web=web)
        record = fetched(server.url(NAMES[1]), store, web=web)
        assert len(proxy.seen) == len(server.requests()) >= 3
    assert part.part is not None
    assert record.here
