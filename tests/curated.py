"""One small data set for the tests of what a run leaves behind: four drawn videos in a folder."""

from dataclasses import dataclass
from pathlib import Path

from demo.drawing import draw_video

CLASSES = "balloon: hot air balloon\nsailboat: yacht\nmushroom\n"

# File name, which is the title too, and what the video shows.
VIDEOS = {
    "a balloon.mp4": "balloon",
    "a balloon and a sailboat.mp4": ("balloon", "sailboat"),
    "yacht.mp4": "sailboat",
    "a mushroom, or so they say.mp4": "balloon",
}


@dataclass(frozen=True)
class Curated:
    """A finished run. To be read only: `copy.copytree` what is to be changed."""

    folder: Path

    @property
    def videos(self) -> Path:
        return self.folder / "videos"

    @property
    def classes(self) -> Path:
        return self.folder / "classes.txt"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def out(self) -> Path:
        return self.folder / "out"


def draw(folder: Path) -> Curated:
    """The videos and the class list, and nothing done with them yet."""
    curated = Curated(folder)
    curated.videos.mkdir(parents=True)
    curated.classes.write_text(CLASSES)
    for name, shows in VIDEOS.items():
        draw_video(curated.videos / name, shows, 12, size=(240, 180), seed=name)
    return curated
