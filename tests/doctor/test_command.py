"""`videonet doctor`: what is said, and the exit code."""

import io
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from threading import Event

import pytest

from demo.behaviours import Hold
from demo.odd_files import write_noise
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curated import videonet
from tests.doctor.looking import PASSWORD, catalogue, dead_port
from videonet.cli import main
from videonet.doctor.examination import NETWORK_SECONDS

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


@pytest.mark.slow
def test_silent_proxies_are_waited_for_all_at_once(tmp_path: Path, server: VideoServer):
    answer = Event()
    server.behaviours[""] = Hold(answer)
    options = ["--source", catalogue(tmp_path, "http://videos.example/a.mp4")]
    options += ["--proxy", server.address] * 40
    begin = time.monotonic()
    ended = videonet(*asked(tmp_path, *options))
    answer.set()
    assert ended.code == 1
    assert ended.stdout.count("no answer in time") == 40
    # One after the other they would take 40 times as long as one of them.
    assert time.monotonic() - begin < 40 * NETWORK_SECONDS / 2


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
