"""What a user gives so that a site answers is used, and appears nowhere."""

import base64
import bz2
import re
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import pytest

from demo.train_classifier import MODEL
from tests.curated import VIDEONET
from tests.fetch.forwarding import ForwardProxy
from tests.local import TYPED
from tests.site import CLASSES, Condition, SiteVideo, VideoSite, environment, shared_films
from videonet.curation.context import open_context
from videonet.errors import UsageError
from videonet.execution.prepare import prepare
from videonet.fetch.credentials import Credentials
from videonet.fetch.credentials_file import FILE_VARIABLE
from videonet.pipelines.curate import curate as graph
from videonet.schemas.settings import AccessOptions, CurateOptions, RunOptions

COOKIE = "c00k1e-planted-and-secret"
PASSWORD = "pr0xy-planted-p@ssword"
TOKEN = "t0ken-planted-in-a-header"
ACCOUNT = "acc0unt-planted-password"
SECRETS = (COOKIE, PASSWORD, "pr0xy-planted-p%40ssword", TOKEN, ACCOUNT)


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoSite]:
    """A video that is kept, and some that fail in every way that brings an error text."""
    film = shared_films(tmp_path_factory.getbasetemp())[("balloon",), 12]
    troubles = [
        Condition.AVAILABLE,
        Condition.REMOVED,
        Condition.MEDIA_FORBIDDEN,
        Condition.MEDIA_GONE,
        Condition.AGE_GATED,
    ]
    videos = [
        SiteVideo(f"{index:011}", f"Balloon {index}", film, condition=each)
        for index, each in enumerate(troubles)
    ]
    with VideoSite(videos) as site:
        yield site


def everything_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """All that lies in a folder, tables as text; videos and shards, which hold frames, as bytes."""
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            yield file, file.read_bytes().decode("latin-1")
            if file.suffix == ".parquet":
                yield file, str(pq.read_table(file).to_pylist())


def test_no_secret_is_said_or_written_anywhere(tmp_path: Path, site: VideoSite):
    (tmp_path / "classes.txt").write_text(CLASSES)
    (tmp_path / "mine").mkdir()
    cookies = tmp_path / "mine/cookies.txt"
    fields = (".youtube.com", "TRUE", "/", "FALSE", "2147483647", "SID", COOKIE)
    cookies.write_text("# Netscape HTTP Cookie File\n" + "\t".join(fields) + "\n")
    with ForwardProxy() as proxy:
        user = f"someone:{PASSWORD.replace('@', '%40')}"
        command = [
            *(VIDEONET, "curate", "--targets", tmp_path / "classes.txt", "--source", "youtube"),
            *("--classifier", MODEL, "--store", tmp_path / "store", "--out", tmp_path / "out"),
            *("--requests-per-second", "1000", "--search-patience", "1", "--cookies", cookies),
            *("--proxy", f"http://{user}@{proxy.place}"),
            # No server listens there: what goes wrong with it is an error text.
            f"--proxy=http://{user}@127.0.0.1:9",
            *("--user-agent", "Mozilla/5.0 (a test)", *TYPED),
            *("--yt-dlp-option", f'http_headers={{"X-Token": "Bearer {TOKEN}"}}'),
            *("--yt-dlp-option", "username=someone"),
            f"--yt-dlp-option=password={ACCOUNT}",
        ]
        ended = subprocess.run(
            list(map(str, command)),
            env=environment(site),
            capture_output=True,
            text=True,
            check=False,
        )
        assert proxy.seen
    assert ended.returncode in (0, 3), ended.stderr
    # All of it was used ...
    pages = site.requests("page")
    assert all(each.headers["X-Token"] == f"Bearer {TOKEN}" for each in pages)
    assert all(COOKIE in each.headers["Cookie"] for each in pages)
    assert all(each.headers["User-Agent"] == "Mozilla/5.0 (a test)" for each in pages)
    # ... and none of it was told.
    written = dict(everything_in(tmp_path / "out"))
    assert tmp_path / "out/run.json" in written
    assert "--proxy" in written[tmp_path / "out/run.json"]
    texts = [
        ("stdout", ended.stdout),
        ("stderr", ended.stderr),
        *everything_in(tmp_path / "out"),
        *everything_in(tmp_path / "store"),
    ]
    for place, text in texts:
        for secret in SECRETS:
            assert secret not in text, (place, secret)


CREDENTIALS = Credentials(
    proxies=(f"http://someone:{PASSWORD}@127.0.0.1:9",),
    options={"password": ACCOUNT, "username": "someone"},
)


@pytest.fixture
def asked(tmp_path: Path) -> tuple[CurateOptions, RunOptions]:
    (tmp_path / "classes.txt").write_text(CLASSES)
    options = CurateOptions(
        targets=str(tmp_path / "classes.txt"), source="youtube", classifier=str(MODEL)
    )
    return options, RunOptions(store=str(tmp_path / "store"), out=str(tmp_path / "out"))


def test_options_that_may_be_secret_are_not_shown():
    given = AccessOptions(proxy=(PASSWORD,), cookies_from_browser=COOKIE, yt_dlp_option=(TOKEN,))
    assert not any(secret in repr(given) for secret in SECRETS)


def test_no_secret_is_in_a_plan_or_a_job_graph(asked: tuple[CurateOptions, RunOptions]):
    plan = prepare(*asked, CREDENTIALS)
    assert not any(secret in plan.to_json().decode() for secret in SECRETS)
    pipeline = beam.Pipeline()
    with open_context(plan, CREDENTIALS):
        graph(pipeline, plan)
    # It pickles all that its stages hold, and credentials refuse to be pickled.
    assert pipeline.to_runner_api().components.transforms
    with pytest.raises(RuntimeError, match="hold secrets"):
        pipeline | beam.Map(lambda _, held=CREDENTIALS: held)


def test_a_job_for_other_machines_is_not_given_secrets(asked: tuple[CurateOptions, RunOptions]):
    with pytest.raises(UsageError, match=r"no job graph should carry.*VIDEONET_ACCESS"):
        prepare(*asked, CREDENTIALS, ("--runner=DataflowRunner",))


def all_in(graph: Any) -> bytes:
    """A job graph, and all that is packed into it."""
    packed = graph.to_runner_api().SerializeToString()
    found = [packed]
    for each in re.findall(rb"[A-Za-z0-9+/]{40,}={0,2}", packed):
        for unpack in (bz2.decompress, zlib.decompress):
            with suppress(OSError, ValueError, zlib.error):
                found.append(unpack(base64.b64decode(each)))
    return b"".join(found)


def test_what_this_machine_finds_by_itself_is_not_in_a_job_for_others(
    asked: tuple[CurateOptions, RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "access.toml"
    file.write_text(
        f"yt-dlp-option = ['username=me', 'password={PASSWORD}']\nproxy = 'http://me:{TOKEN}@host'\n"
    )
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    plan = prepare(*asked, beam_options=("--runner=DataflowRunner",))
    pipeline = beam.Pipeline()
    with open_context(plan) as context:
        assert {PASSWORD, TOKEN} <= context.web.credentials.secrets()
        graph(pipeline, plan)
    told = all_in(pipeline)
    assert plan.run_id.encode() in told
    assert not any(secret.encode() in told for secret in (PASSWORD, TOKEN))
