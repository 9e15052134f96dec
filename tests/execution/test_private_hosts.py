"""A run over hosts that are not on the public web, with `--allow-private-hosts` and without."""

from pathlib import Path

import pytest

from demo.drawing import draw_video
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curated import CLASSES, Ended, sentence, videonet
from tests.curating import bytes_of, verdicts_of
from tests.local import TYPED
from videonet.curation.first_refusals import FIRST
from videonet.schemas.reason import Outcome, Reason


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve, with one video in it."""
    folder = tmp_path_factory.mktemp("files")
    draw_video(folder / "v.mp4", "balloon", 11, size=(96, 64))
    return folder


def listed(folder: Path, *urls: str) -> None:
    (folder / "classes.txt").write_text(CLASSES)
    rows = [f"{number},{url},A balloon\n" for number, url in enumerate(urls)]
    (folder / "videos.csv").write_text("id,url,title\n" + "".join(rows))


def curate(folder: Path, *more: str | Path, out: str = "out") -> Ended:
    return videonet(
        *("curate", "--targets", folder / "classes.txt", "--classifier", MODEL),
        *("--source", f"catalogue:{folder / 'videos.csv'}", "--shards", "1"),
        *("--store", folder / f"store of {out}", "--out", folder / out),
        *("--requests-per-second", "1000", *more),
    )


def reasons(out: Path) -> list[Reason | None]:
    return [verdict.reason for verdict in verdicts_of(out)]


def test_a_run_whose_first_videos_are_all_refused_stops_with_the_option_to_give(files, tmp_path):
    with VideoServer(files) as server:
        listed(tmp_path, *(f"{server.url('v.mp4')}?{number}" for number in range(40)))
        for _ in range(2):
            # Again and again, until something is given.
            ended = curate(tmp_path)
            assert ended.code == 2
            said = ended.stderr.splitlines()[-1]
            assert said.startswith(f"videonet: The first {FIRST} videos are all on hosts outside")
            assert said.endswith("run the same command with --allow-private-hosts 127.0.0.1.")
        assert server.requests() == []
        ended = curate(tmp_path, *TYPED, "--per-class", "3")
        assert ended.code == 2, "other settings"
        ended = curate(tmp_path, *TYPED)
        assert ended.code == 0, ended
        again = curate(tmp_path, *TYPED, out="at once")
        assert again.code == 0, again
    assert {verdict.outcome for verdict in verdicts_of(tmp_path / "out")} == {Outcome.KEPT}
    # How often it was begun, and with which of these options, changes no byte.
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "at once")


def test_a_finished_run_is_looked_at_again_once_more_is_allowed(files, tmp_path):
    with VideoServer(files) as server:
        listed(tmp_path, server.url("v.mp4"), "http://10.1.2.3/v.mp4")
        ended = curate(tmp_path)
        assert ended.code == 3
        assert "--allow-private-hosts" in ended.stdout
        assert reasons(tmp_path / "out") == 2 * [Reason.REFUSED_ADDRESS]
        assert curate(tmp_path, *TYPED).code == 0
        assert set(reasons(tmp_path / "out")) == {None, Reason.REFUSED_ADDRESS}
        # And not again for nothing.
        assert len(curate(tmp_path, *TYPED).stdout.splitlines()) == 1


@pytest.mark.parametrize("value", ["10.2.0.1/16", "http://nas.lab", "two words"])
def test_a_wrong_value_is_refused_before_anything_is_done(value, tmp_path):
    listed(tmp_path, "http://10.1.2.3/v.mp4")
    ended = curate(tmp_path, "--allow-private-hosts", value)
    assert ended.code == 2
    assert "--allow-private-hosts takes names of hosts" in sentence(ended)
    assert not (tmp_path / "out" / "targets.json").exists()
