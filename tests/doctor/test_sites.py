"""videonet.doctor.sites: the source, and what it needs of the network."""

from functools import partial
from pathlib import Path
from threading import Event
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.behaviours import Hold, Redirect, Status
from demo.odd_files import write_noise
from demo.server import VideoServer
from tests.doctor.looking import PASSWORD, catalogue, dead_port, needs, program
from videonet.doctor import sites
from videonet.doctor.finding import Finding, State, begun, outcome
from videonet.doctor.sites import (
    YOUTUBE_PAGE,
    Needs,
    look_at_javascript,
    look_at_network,
    look_at_source,
    without_password,
)

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
    host = server.address.removeprefix("http://")
    assert finding.found.startswith(host)
    # Not in the port.
    assert (str(status) in finding.found.removeprefix(host)) is (state is State.MISSING)


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


def test_what_gives_a_clouds_machines_their_credentials_is_not_asked(server: VideoServer):
    server.behaviours[""] = Redirect("http://169.254.169.254/latest/meta-data/")
    finding = look_at_network(f"{server.address}/", None)
    assert finding.state is State.MISSING
    assert "a cloud's machines" in finding.found


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
