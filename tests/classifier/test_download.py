"""videonet.classifier.download: fetched once, gone on with after a break, and checked."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.behaviours import Cut, NoRanges, Status
from demo.server import VideoServer
from videonet.classifier.download import Asset, fetch, fetch_default
from videonet.errors import UsageError

CONTENT = bytes(range(256)) * 4_000
URL_PATH = "owner/model/resolve/1a2b/model.onnx"
MODEL = Asset(
    name="model.onnx",
    url_path=URL_PATH,
    bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoServer]:
    file = tmp_path / "site" / URL_PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    with VideoServer(tmp_path / "site") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def ranges(server: VideoServer) -> list[str | None]:
    return [request.range for request in server.requests()]


def test_a_file_is_fetched_once_and_then_found(server: VideoServer, cache: Path):
    assert fetch(MODEL, cache) == cache / "model.onnx"
    assert fetch(MODEL, cache).read_bytes() == CONTENT
    assert ranges(server) == [None]
    assert not (cache / "model.onnx.part").exists()


def test_a_broken_connection_goes_on_from_where_it_broke(server: VideoServer, cache: Path):
    server.behaviours[URL_PATH] = Cut(after=400_000, times=1)
    assert fetch(MODEL, cache).read_bytes() == CONTENT
    first, second = server.requests()
    assert (first.bytes_sent, first.range) == (400_000, None)
    kept = len(CONTENT) - second.bytes_sent
    assert second.range == f"bytes={kept}-"
    assert 400_000 - 2**16 < kept <= 400_000


def test_what_an_earlier_run_left_is_gone_on_with(server: VideoServer, cache: Path):
    cache.mkdir()
    (cache / "model.onnx.part").write_bytes(CONTENT[:1000])
    assert fetch(MODEL, cache).read_bytes() == CONTENT
    assert ranges(server) == ["bytes=1000-"]


def test_a_server_without_ranges_is_asked_for_the_whole_file(server: VideoServer, cache: Path):
    cache.mkdir()
    (cache / "model.onnx.part").write_bytes(CONTENT[:1000])
    server.behaviours[URL_PATH] = NoRanges()
    assert fetch(MODEL, cache).read_bytes() == CONTENT
    assert server.requests()[0].bytes_sent == len(CONTENT)


@pytest.mark.parametrize("wrong", [b"<html>", CONTENT[:-1] + b"x", CONTENT + b"x"])
def test_another_file_is_refused_and_deleted(server: VideoServer, cache: Path, wrong: bytes):
    (server.folder / URL_PATH).write_bytes(wrong)
    with pytest.raises(UsageError, match=rf"not the file that is expected.*{MODEL.sha256}"):
        fetch(MODEL, cache)
    assert not list(cache.glob("model.onnx*[!k]"))  # nothing but the lock
    assert len(server.requests()) == 1


def test_a_busy_server_is_asked_again(server: VideoServer, cache: Path):
    server.behaviours[URL_PATH] = Status(503, times=1)
    assert fetch(MODEL, cache).read_bytes() == CONTENT
    assert [request.status for request in server.requests()] == [503, 200]


def test_a_file_that_is_not_there_is_not_asked_for_again(server: VideoServer, cache: Path):
    server.behaviours[URL_PATH] = Status(404)
    with pytest.raises(UsageError, match="404"):
        fetch(MODEL, cache)
    assert len(server.requests()) == 1


def test_two_at_once_download_once(server: VideoServer, cache: Path):
    server.delay = 0.2
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(lambda _: fetch(MODEL, cache), range(2))) == {cache / "model.onnx"}
    assert len(server.requests()) == 1


def test_a_wrong_file_that_was_put_there_is_named_and_left(server: VideoServer, cache: Path):
    cache.mkdir()
    (cache / "model.onnx").write_bytes(b"something else")
    with pytest.raises(UsageError, match=r"model\.onnx is not the file that is expected"):
        fetch(MODEL, cache)
    assert (cache / "model.onnx").read_bytes() == b"something else"
    assert not server.requests()


def test_without_a_network_it_says_where_to_put_which_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.setenv("VIDEONET_CACHE", str(cache))
    with pytest.raises(UsageError) as error:
        fetch_default()
    for told in [
        "http://127.0.0.1:9/onnxmodelzoo/resnet50-v1-12/resolve/",
        "put that file there by hand",
        str(cache / "resnet50-v1-12.onnx"),
        "102,576,593 bytes",
    ]:
        assert told in str(error.value)
