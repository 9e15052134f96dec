"""videonet.doctor: what a run needs, what of it is here, and what to do about the rest."""

import hashlib
import io
import os
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from threading import Event
from urllib.parse import quote

import nltk.data
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.behaviours import Hold, Status
from demo.odd_files import write_noise
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curated import videonet
from videonet.classifier.download import RESNET50, Asset
from videonet.cli import main
from videonet.doctor import Finding, State, examination, sites
from videonet.doctor.finding import begun, outcome
from videonet.doctor.gpu import look_at_gpu
from videonet.doctor.machine import (
    look_at_classifier,
    look_at_codecs,
    look_at_packages,
    look_at_python,
    look_at_store,
    look_at_wordnet,
    look_for_asset,
)
from videonet.doctor.sites import (
    YOUTUBE_PAGE,
    Needs,
    look_at_javascript,
    look_at_network,
    look_at_source,
    without_password,
)
from videonet.targets import wordnet

SHARED = Path(os.environ.get("VIDEONET_SHARED", Path(__file__).parents[2] / "shared"))
NLTK_DATA = SHARED / "data" / "lists" / "nltk_data"

HAS_GPU = Path("/dev/nvidiactl").exists()

PASSWORD = "s3cret"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs: no others are found."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (tmp_path / "beside").mkdir()
    monkeypatch.setenv("PATH", str(folder))
    beside = {"scripts": str(tmp_path / "beside")}
    asked = sysconfig.get_path
    monkeypatch.setattr(sysconfig, "get_path", lambda name: beside.get(name) or asked(name))
    return folder


def program(file: Path, says: str, *, seconds: int = 0) -> Path:
    wait = f"exec /bin/sleep {seconds}" if seconds else ""
    file.write_text(f"#!/bin/sh\necho '{says}'\n{wait}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoServer]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "site").mkdir()
    with VideoServer(tmp_path / "site") as server:
        yield server


def dead_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def catalogue(folder: Path, *urls: str) -> str:
    rows = [f"{number},{url},A balloon" for number, url in enumerate(urls)]
    (folder / "t.csv").write_text("\n".join(["id,url,title", *rows, ""]))
    return f"catalogue:{folder / 't.csv'}"


def needs(spec: str) -> Needs:
    finding, needed = look_at_source(spec, Path("nowhere"))
    assert finding == Finding("source", State.OK, spec)
    return needed


# Python and packages.


def test_this_python_and_its_packages_are_those_that_the_project_asks_for():
    assert look_at_python().state is State.OK
    packages = look_at_packages()
    assert packages.state is State.OK
    for name in ("apache-beam 2.", "av ", "yt-dlp ", "onnxruntime"):
        assert name in packages.found


@pytest.mark.parametrize(
    ("asks", "found"),
    [
        ("no-such-library>=2", "no-such-library is not installed"),
        ("numpy>=999; python_version >= '3'", "numpy is "),
        # What an extra adds is needed, too.
        ("other[more]", "no-such-library is not installed"),
    ],
)
def test_a_package_that_lacks_or_has_outdated_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: str, found: str
):
    for name, needed in {
        "ours": (asks, "elsewhere; sys_platform == 'none'"),
        "other": ("no-such-library; extra == 'more'", "another; extra == 'unasked'"),
    }.items():
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
        lines += [f"Requires-Dist: {each}" for each in needed]
        (folder / "METADATA").write_text("\n".join([*lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    finding = look_at_packages("ours")
    assert finding.state is State.MISSING
    assert finding.found.startswith(found)
    assert ";" not in finding.found
    assert finding.advice


def test_a_library_that_does_not_load_is_a_finding(monkeypatch: pytest.MonkeyPatch):
    assert look_at_codecs().state is State.NOT_NEEDED
    monkeypatch.setitem(sys.modules, "av", None)
    finding = outcome("ffmpeg", begun(look_at_codecs), 60)
    assert finding.state is State.MISSING
    assert "av" in finding.found


def test_whatever_goes_wrong_is_a_finding_without_the_words_of_the_error():
    def look() -> Finding:
        raise RuntimeError(f"http://user:{PASSWORD}@host")

    finding = outcome("x", begun(look), 60)
    assert (finding.state, finding.found) == (State.MISSING, "RuntimeError")


# The classifier.


def test_the_default_classifier_is_missing_until_it_was_fetched_whole(tmp_path: Path):
    content = bytes(1000)
    sha256 = hashlib.sha256(content).hexdigest()
    asset = Asset(name="m.onnx", url_path="m.onnx", bytes=2_000_000, sha256=sha256)
    missing = look_for_asset(asset, tmp_path)
    assert missing.state is State.MISSING
    assert missing.advice == "run 'videonet classifier fetch' (2 MB)"
    (tmp_path / "m.onnx.part").write_bytes(content)
    assert "in part" in look_for_asset(asset, tmp_path).found
    (tmp_path / "m.onnx").write_bytes(b"another")
    damaged = look_for_asset(asset, tmp_path)
    assert (damaged.state, "sha256" in damaged.found) == (State.MISSING, True)
    assert str(damaged.advice).startswith("delete it")
    (tmp_path / "m.onnx").write_bytes(content)
    assert look_for_asset(asset, tmp_path).state is State.OK
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.onnx", "m.onnx.part"]


def test_the_default_classifier_is_looked_for_where_it_would_be_fetched_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path))
    assert look_at_classifier("resnet50").found.startswith(f"{tmp_path / RESNET50.name} is not")


def test_a_file_that_is_a_classifier_is_opened():
    finding = look_at_classifier(str(MODEL))
    assert finding.state is State.OK
    assert "7 classes, 64 x 64 pixels" in finding.found


@pytest.mark.parametrize("name", ["noise.onnx", "nowhere.onnx"])
def test_a_file_that_is_no_classifier_is_missing(tmp_path: Path, name: str):
    write_noise(tmp_path / "noise.onnx")
    look = partial(look_at_classifier, str(tmp_path / name))
    finding = outcome("classifier", begun(look), 60)
    assert finding.state is State.MISSING
    assert name in finding.found
    assert str(finding.advice).startswith("give the path of an ONNX file")


# A GPU.


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_a_gpu_that_is_not_here_is_missing_only_where_it_is_asked_for(
    path: Path, capfd: pytest.CaptureFixture[str]
):
    assert look_at_gpu(needed=False).state is State.OPTIONAL
    asked = look_at_gpu(needed=True)
    assert asked.state is State.MISSING
    assert str(asked.advice).startswith("use --device cpu, or a machine with an NVIDIA GPU")
    # ONNX Runtime's complaints would tear the table.
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
@pytest.mark.parametrize(("needed", "state"), [(True, State.MISSING), (False, State.OPTIONAL)])
def test_a_gpu_that_onnx_runtime_cannot_use_is_named_with_what_is_lacking(
    path: Path, needed: bool, state: State
):
    program(path / "nvidia-smi", "NVIDIA H100 80GB HBM3, 580.65.06")
    finding = look_at_gpu(needed=needed)
    assert finding.state is state
    assert finding.found.startswith("NVIDIA H100 80GB HBM3, driver 580.65.06, but ONNX Runtime")
    assert str(finding.advice).startswith("install CUDA 1")


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="there is no GPU")
def test_a_gpu_that_works_is_found():
    assert look_at_gpu(needed=True).state is State.OK


# WordNet.


@pytest.mark.skipif(not NLTK_DATA.is_dir(), reason="no test material: set VIDEONET_SHARED")
def test_wordnet_is_found_where_nltk_is_told_to_look():
    code = (
        "from videonet.doctor.machine import look_at_wordnet as look; print(look().state, end='')"
    )
    environment = os.environ | {"NLTK_DATA": str(NLTK_DATA)}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "ok"


@pytest.mark.parametrize("damaged", [False, True])
def test_without_wordnet_a_class_list_of_names_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
):
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    wordnet._wordnet.cache_clear()
    if damaged:
        (tmp_path / "corpora" / "wordnet").mkdir(parents=True)
    finding = outcome("WordNet", begun(look_at_wordnet), 60)
    wordnet._wordnet.cache_clear()
    assert finding.state is State.OPTIONAL
    assert str(finding.advice).startswith("for synsets and nouns, run 'videonet wordnet install'")


# The store.


def test_a_store_is_not_made_by_looking_whether_it_can_be(tmp_path: Path):
    finding = look_at_store(tmp_path / "new" / "store")
    assert finding.state is State.OK
    assert "can be made" in finding.found
    assert list(tmp_path.iterdir()) == []
    assert "can be written" in look_at_store(tmp_path).found
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_is_missing(tmp_path: Path):
    (tmp_path / "taken").write_text("")
    for place in (tmp_path / "taken", tmp_path / "taken" / "below", Path("gs://bucket/store")):
        finding = look_at_store(place)
        assert finding.state is State.MISSING
        assert str(place) in finding.found
        assert finding.advice == "give --store a local folder of yours"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_of_somebody_else_is_missing(tmp_path: Path):
    tmp_path.chmod(0o555)
    for place in (tmp_path, tmp_path / "new"):
        assert "cannot be written (Permission denied)" in look_at_store(place).found


def test_a_full_disk_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("videonet.doctor.machine.RESERVE", 10**18)
    finding = look_at_store(tmp_path)
    assert finding.state is State.MISSING
    assert "GB free" in finding.found
    assert "free some" in str(finding.advice)


# JavaScript.


def test_without_a_runtime_only_youtube_lacks_something(path: Path):
    assert look_at_javascript(needed=False).state is State.OPTIONAL
    finding = look_at_javascript(needed=True)
    assert (finding.state, finding.found) == (State.MISSING, "no deno or node")
    assert "deno 2.3 or node 22.0" in str(finding.advice)
    assert "'.[youtube]'" in str(finding.advice)


def test_a_runtime_that_is_too_old_is_named(path: Path):
    deno = program(path / "deno", "deno 2.2.15 (stable, release, x86_64-unknown-linux-gnu)")
    finding = look_at_javascript(needed=True)
    assert finding.state is State.MISSING
    assert finding.found == f"deno 2.2.15 at {deno}: too old"
    # Another one may do.
    node = program(path / "node", "v22.1.0")
    assert look_at_javascript(needed=True) == Finding(
        "JavaScript", State.OK, f"node 22.1.0 at {node}"
    )


def test_the_runtime_beside_this_python_is_found_without_activation(path: Path):
    program(path / "deno", "deno 2.4.0 (stable)")
    deno = program(path.parent / "beside" / "deno", "deno 2.9.8 (stable)")
    found = look_at_javascript(needed=True)
    assert (found.state, found.found) == (State.OK, f"deno 2.9.8 at {deno}")


def test_a_runtime_that_hangs_is_not_waited_for(path: Path):
    program(path / "deno", "deno 2.9.8", seconds=5)
    finding = outcome("JavaScript", begun(partial(look_at_javascript, needed=True)), 0.3)
    assert (finding.state, finding.found) == (State.MISSING, "no answer in time")


# The source, and what it needs.


def test_youtube_needs_its_page_and_a_runtime():
    assert needs("youtube") == Needs(YOUTUBE_PAGE, javascript=True)


def test_another_search_is_asked_by_yt_dlp_alone():
    needed = needs("search:scsearch")
    assert (needed.page, needed.javascript) == (None, False)


def test_a_catalogue_needs_the_host_of_its_first_url(tmp_path: Path):
    urls = ("a.mp4", "http://user:pass@videos.example:8080/b/c.mp4?x=1", "https://other.example/d")
    assert needs(catalogue(tmp_path, *urls)) == Needs("http://videos.example:8080/")
    assert needs(catalogue(tmp_path, "a.mp4", "b.mp4")) == Needs()


def test_a_catalogue_of_youtubes_videos_needs_what_youtube_needs(tmp_path: Path):
    urls = ("https://other.example/d.mp4", "https://youtu.be/dQw4w9WgXcQ")
    assert needs(catalogue(tmp_path, *urls)) == Needs(YOUTUBE_PAGE, javascript=True)


def test_a_folder_needs_no_network(tmp_path: Path):
    write_noise(tmp_path / "a.mp4")
    assert needs(f"folder:{tmp_path}") == Needs()


@pytest.mark.parametrize("spec", ["vimeo:cats", "folder:nowhere", "store", "search:qwxz"])
def test_a_source_that_cannot_be_read_is_missing(tmp_path: Path, spec: str):
    look = begun(partial(look_at_source, spec, tmp_path))
    finding = outcome("source", begun(lambda: look.result()[0]), 60)
    assert finding.state is State.MISSING
    assert finding.advice


# The network.


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *((status, State.OK) for status in (404, 403)),
        *((status, State.MISSING) for status in (407, 429, 503)),
    ],
)
def test_a_host_that_answers_is_there_unless_it_gives_no_service(
    server: VideoServer, status: int, state: State
):
    server.behaviours[""] = Status(status)
    finding = look_at_network(f"{server.address}/", None)
    assert finding.state is state
    assert finding.found.startswith(server.address.removeprefix("http://"))
    assert (str(status) in finding.found) is (state is State.MISSING)


@pytest.mark.parametrize(("status", "state"), [(204, State.OK), (404, State.MISSING)])
def test_another_answer_than_youtubes_own_comes_from_somebody_in_between(
    server: VideoServer, monkeypatch: pytest.MonkeyPatch, status: int, state: State
):
    page = server.url("generate_204")
    server.behaviours["generate_204"] = Status(status)
    monkeypatch.setattr(sites, "YOUTUBE_PAGE", page)
    assert look_at_network(page, None).state is state


def test_a_port_that_nobody_listens_on_is_missing(server: VideoServer):
    port = dead_port()
    finding = look_at_network(f"http://127.0.0.1:{port}/", None)
    assert finding.state is State.MISSING
    assert finding.found == f"127.0.0.1:{port}: Connection refused"


def test_a_host_that_never_answers_is_not_waited_for(server: VideoServer):
    answer = Event()
    server.behaviours[""] = Hold(answer)
    look = partial(look_at_network, f"{server.address}/", None)
    finding = outcome("network", begun(look), 0.3)
    answer.set()
    assert (finding.state, finding.found) == (State.MISSING, "no answer in time")


def test_a_proxy_is_asked_instead_of_the_host(server: VideoServer):
    proxy = server.address.replace("//", f"//user:{PASSWORD}@")
    finding = look_at_network("http://videos.example/", proxy)
    assert finding.state is State.OK
    assert finding.found == f"videos.example through {server.address} answers"
    assert len(server.requests()) == 1


def test_a_proxy_that_refuses_is_told_from_a_host_that_does(server: VideoServer):
    finding = look_at_network("https://videos.example/", server.address)
    assert finding.state is State.MISSING
    assert finding.found.endswith("Tunnel connection failed: 501")


def test_a_proxy_of_the_environment_is_named(server: VideoServer, monkeypatch: pytest.MonkeyPatch):
    port = dead_port()
    monkeypatch.setenv("http_proxy", f"http://user:{PASSWORD}@127.0.0.1:{port}")
    finding = look_at_network("http://videos.example/", None)
    shown = f"videos.example through http://127.0.0.1:{port}: Connection refused"
    assert (finding.state, finding.found) == (State.MISSING, shown)


@given(st.text(min_size=1), st.text(), st.sampled_from(["http://", "https://", "socks5h://", ""]))
def test_of_a_proxy_only_scheme_host_and_port_are_told(user: str, password: str, scheme: str):
    shown = f"{scheme or 'http://'}proxy.example:3128"
    for name, word in ((user, password), (quote(user, safe=""), quote(password, safe=""))):
        assert without_password(f"{scheme}{name}:{word}@proxy.example:3128/x?y#z") == shown


# The command.


def asked(folder: Path, *options: str) -> list[str]:
    """What a run from a folder of videos here needs, all of it here."""
    (folder / "videos").mkdir(exist_ok=True)
    write_noise(folder / "videos" / "balloon.mp4")
    here = ("--source", f"folder:{folder / 'videos'}", "--classifier", str(MODEL))
    return ["doctor", *here, "--store", str(folder / "store"), *options]


def test_a_run_that_has_all_it_needs_ends_with_0(tmp_path: Path):
    ended = videonet(*asked(tmp_path))
    assert (ended.code, ended.stderr) == (0, "")
    assert "✗" not in ended.stdout
    assert "has what it needs." in ended.stdout
    assert not (tmp_path / "store").exists()


def test_what_is_missing_is_said_in_words_with_what_to_do_and_ends_with_1(tmp_path: Path):
    (tmp_path / "taken").write_text("")
    options = ("--store", str(tmp_path / "taken"), "--classifier", str(tmp_path / "no.onnx"))
    ended = videonet(*asked(tmp_path, *options))
    assert (ended.code, ended.stderr) == (1, "")
    table, _, said = ended.stdout.partition("Missing for a run from folder:")
    assert "\x1b" not in table
    assert max(map(len, table.splitlines())) <= 80
    assert table.count("✗ missing") == table.count("✗") == 2
    assert "To do: give --store" in table
    assert said.endswith(": classifier, store.\n")


def test_all_proxies_are_looked_at_and_no_password_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("https_proxy", f"http://me:{PASSWORD}@proxy.example:1")
    ports = [dead_port() for _ in range(3)]
    proxies = [f"http://me:{PASSWORD}@127.0.0.1:{port}" for port in ports]
    proxies += [f"http://me:{PASSWORD}", f"nonsense://me:{PASSWORD}@host"]
    options = [word for each in proxies for word in ("--proxy", each)]
    source = catalogue(tmp_path, f"http://me:{PASSWORD}@videos.example/a.mp4")
    ended = videonet(*asked(tmp_path, "--source", source, *options))
    assert ended.code == 1
    assert PASSWORD not in ended.stdout + ended.stderr
    for port in ports:
        assert f"127.0.0.1:{port}" in ended.stdout


def test_silent_proxies_are_waited_for_all_at_once(
    tmp_path: Path, server: VideoServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(examination, "NETWORK_SECONDS", 1.0)
    answer = Event()
    server.behaviours[""] = Hold(answer)
    options = ["--source", catalogue(tmp_path, "http://videos.example/a.mp4")]
    options += ["--proxy", server.address] * 40
    begin = time.monotonic()
    ended = videonet(*asked(tmp_path, *options))
    answer.set()
    assert ended.code == 1
    assert ended.stdout.count("no answer in time") == 40
    # One after the other they would take 40 s.
    assert time.monotonic() - begin < 30


def test_a_terminal_that_knows_only_ascii_is_spared_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "argv", ["videonet", *asked(tmp_path)])
    with redirect_stdout(terminal), pytest.raises(SystemExit) as end:
        main()
    terminal.flush()
    assert not end.value.code
    assert b"| ok " in terminal.buffer.getvalue()
