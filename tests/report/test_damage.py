"""damage: the report and a video's page say how much of it damage took."""

from pathlib import Path

import msgspec
import pytest

from demo.drawing import draw_video
from demo.encoding import Encoding
from tests.curated import arguments, videonet
from tests.curating import verdicts_of
from tests.once import made_once
from tests.video.test_damage import damaged
from videonet.report.damage import DamageRecords, damage
from videonet.report.facts import facts_of
from videonet.schemas.fetch import Cut
from videonet.schemas.reason import Outcome
from videonet.schemas.scan import Scan
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

# Of 150 frames, those from 95 on: no keyframe comes after the damaged packet.
SAID = "Damage took 5 of the first 100 frames, and 33 of the 128 frames of its clips."

SCAN = Scan(
    video_key="v",
    sha256="00",
    reason=None,
    error=None,
    top1=(0,) * 9,
    probability=(1.0,) * 9,
    probe=None,
    phash=(),
    seconds=0.1,
)
CUT = Cut(video_key="v", sha256="00", reason=None, error=None, clips=1, frames=128)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of a damaged video, to be read only."""
    return made_once(tmp_path_factory.getbasetemp(), "damaged", _curate)


def _curate(folder: Path) -> None:
    (folder / "videos").mkdir()
    (folder / "classes.txt").write_text("balloon\n")
    path = folder / "videos" / "a balloon.webm"
    draw_video(path, "balloon", 12, size=(96, 64), seed=1, encoding=Encoding("libvpx-vp9"))
    damaged(path, 95)
    ended = videonet(*arguments(folder), "--max-hole", "9", "--max-lost", "0.9")
    assert ended.code == 0, ended.stderr


def test_the_report_says_under_a_picture_how_much_damage_took(folder: Path):
    (picture,) = facts_of(folder / "out", None).kept_pictures
    assert picture.damage == SAID


def test_show_says_how_much_damage_took(folder: Path, tmp_path: Path):
    ended = videonet("show", folder / "out", "a balloon.webm", "--to", tmp_path / "video.html")
    assert ended.code == 0, ended.stderr
    assert SAID in ended.stdout.splitlines()
    assert SAID in (tmp_path / "video.html").read_text("utf-8")


def test_of_other_content_than_the_verdicts_nothing_is_said(folder: Path):
    (verdict,) = verdicts_of(folder / "out")
    assert verdict.outcome is Outcome.KEPT
    records = DamageRecords(DatasetDir(folder / "out"), Store(folder / "store"))
    assert records.of(verdict) == SAID
    assert records.of(msgspec.structs.replace(verdict, sha256="11" * 32)) == ""


@pytest.mark.parametrize(
    ("scan", "cut", "said"),
    [
        (None, None, ""),
        (SCAN, CUT, ""),
        (msgspec.structs.replace(SCAN, lost=1), None, "Damage took 1 of the first 10 frames."),
        (
            SCAN,
            msgspec.structs.replace(CUT, lost=1200, frames=5000, left_out=1),
            "Damage took 1,200 of the 5,000 frames of its clips, and 1 clip as a whole.",
        ),
        (None, msgspec.structs.replace(CUT, left_out=2), "Damage took 2 clips as a whole."),
    ],
)
def test_what_is_lost_is_told_in_numbers(scan: Scan | None, cut: Cut | None, said: str):
    assert damage(scan, cut) == said
