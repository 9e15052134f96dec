"""A run that takes neighbours of images, made once, and what became of its videos."""

from pathlib import Path
from typing import Any

from tests.curating import curate, verdicts_of
from tests.neighbours.material import COLOURS, write_embedding, write_images, write_videos
from tests.once import made_once
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome, Reason


def material_once(temporary: Path) -> Path:
    """Videos, images of red and blue things, and an embedding; to be read only.

    `temporary` is pytest's folder of this session.
    """
    return made_once(temporary, "neighbours_material", _write_material)


def whole_once(temporary: Path) -> Path:
    """A folder with the store and OUT of a run over them; to be read only."""
    material = material_once(temporary)
    return made_once(temporary, "neighbours_whole", lambda folder: run(material, folder))


def _write_material(folder: Path) -> None:
    write_embedding(folder)
    videos = write_videos(folder / "videos", COLOURS)
    (videos / "broken.mp4").write_bytes(b"no video")
    images = {"red/a.png": (255, 0, 0), "red/b.png": (250, 10, 0), "blue.png": (0, 0, 255)}
    write_images(folder / "images", images)


def run(material: Path, folder: Path, **options: Any) -> Manifest:
    """A run over the videos of `material`, with OUT `folder/out`; two videos a target."""
    given = {
        "source": f"folder:{material / 'videos'}",
        "targets": None,
        "select": f"neighbours:{material / 'images'}",
        "embedding": str(material / "colours.onnx"),
        "per_target": 2,
        "shards": 2,
        "formats": ("parquet",),
    }
    values = {**given, **options}
    return curate(folder=folder, **values)


def typed(
    material: Path, place: Path | str, *more: str | Path, out: str = "out"
) -> list[str | Path]:
    """What the command is given for the same run, with store and OUT in `place`."""
    return [
        *("curate", "--source", f"folder:{material / 'videos'}"),
        *("--select", f"neighbours:{material / 'images'}"),
        *("--embedding", material / "colours.onnx", "--per-target", "2", "--shards", "2"),
        *("--format", "parquet", "--store", f"{place}/store", "--out", f"{place}/{out}"),
        *more,
    ]


def became(out: Path) -> dict[str, tuple[str, Outcome, Reason | None]]:
    """Of each video: its target, outcome and reason. Each has one verdict."""
    verdicts = verdicts_of(out)
    found = {each.video.title: (each.target_id, each.outcome, each.reason) for each in verdicts}
    assert len(found) == len(verdicts)
    return found
