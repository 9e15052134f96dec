"""Every row of the demo's catalogue: what it says, what it really shows, and what must follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from demo.behaviours import Behaviour, Cut, Redirect, Status
from demo.drawing import SCENERY, draw_video
from demo.encoding import Encoding
from demo.odd_files import truncate, write_noise, write_page, write_sound
from videonet.schemas.reason import Outcome, Reason

Expected = tuple[Outcome, Reason | None]

KEPT: Expected = (Outcome.KEPT, None)
LIE: Expected = (Outcome.REJECTED, Reason.NO_TOP1_MATCH)
SHORT: Expected = (Outcome.REJECTED, Reason.TOO_SHORT)
NO_VIDEO: Expected = (Outcome.FAILED, Reason.NOT_A_VIDEO)
BROKEN: Expected = (Outcome.FAILED, Reason.UNDECODABLE)
GONE: Expected = (Outcome.FAILED, Reason.UNAVAILABLE)
FORBIDDEN: Expected = (Outcome.FAILED, Reason.REFUSED)


@dataclass(frozen=True)
class Video:
    """One row of the catalogue, the file behind it, and the verdicts that are due."""

    id: str
    title: str
    expected: Mapping[str, Expected]
    """By target; a target that is not in it must not be a match for the title."""
    shows: str | tuple[str, ...] = SCENERY
    seconds: float = 12
    declared: float | None = 12
    """Length in the catalogue, seconds."""
    suffix: str = ".mp4"
    size: tuple[int, int] = (240, 180)
    fps: int | Fraction = Fraction(25, 2)
    encoding: Encoding | None = None
    behaviour: Behaviour | None = None
    truncated_at: int | None = None
    """Packet in whose middle the file ends."""
    make: Callable[[Path], None] | None = None
    """Writes the file where it is no video."""

    @property
    def path(self) -> str:
        """Where the catalogue says it is, below the server's address."""
        return self.id + self.suffix

    @property
    def stored(self) -> str:
        """Where its file is."""
        return self.behaviour.to if isinstance(self.behaviour, Redirect) else self.path

    def write(self, folder: Path) -> None:
        """Makes its file in `folder`, unless it is one that is never there.

        Equal videos draw equal frames.
        """
        path = folder / self.stored
        if isinstance(self.behaviour, Status) and self.behaviour.times is None:
            return
        if self.make:
            self.make(path)
            return
        draw_video(
            path,
            self.shows,
            self.seconds,
            size=self.size,
            fps=self.fps,
            seed=self.id,
            encoding=self.encoding,
        )
        if self.truncated_at is not None:
            truncate(path, self.truncated_at)


TRUE = (
    Video(
        "valley", "Hot-air balloons over the valley", {"balloon": KEPT}, "balloon", size=(320, 240)
    ),
    Video(
        "dawn",
        "Une montgolfiere au lever du jour",
        {"balloon": KEPT},
        "balloon",
        suffix=".webm",
        encoding=Encoding("libvpx-vp9"),
    ),
    Video(
        "fiesta",
        "BALLOON!!! The great fiesta, day 3",
        {"balloon": KEPT},
        "balloon",
        fps=25,
        encoding=Encoding(index_first=False),
    ),
    Video("regatta", "A yacht race in light wind", {"sailboat": KEPT}, "sailboat", size=(256, 144)),
    Video(
        "sunset",
        "Sailboats at sunset",
        {"sailboat": KEPT},
        "sailboat",
        suffix=".webm",
        encoding=Encoding("libvpx"),
    ),
    Video(
        "upright",
        "My sailing boat, filmed upright",
        {"sailboat": KEPT},
        "sailboat",
        size=(144, 256),
        encoding=Encoding(rotation=90),
    ),
    Video(
        "meadow",
        "Butterflies of the alpine meadow",
        {"butterfly": KEPT},
        "butterfly",
        seconds=13,
        declared=13,
        fps=10,
    ),
    Video(
        "uneven",
        "Swallowtail in slow motion",
        {"butterfly": KEPT},
        "butterfly",
        encoding=Encoding(uneven=True),
    ),
    Video(
        "station",
        "Locomotive No. 7 leaves the station",
        {"locomotive": KEPT},
        "locomotive",
        suffix=".mkv",
        encoding=Encoding(start=1.4),
    ),
    Video(
        "snow",
        "Steam engines in the snow",
        {"locomotive": KEPT},
        "locomotive",
        suffix=".mov",
        encoding=Encoding("mpeg4"),
    ),
    Video("rain", "Toadstools after the rain", {"mushroom": KEPT}, "mushroom", suffix=".ts"),
    Video(
        "ten",
        "Exactly ten seconds of mushroom",
        {"mushroom": KEPT},
        "mushroom",
        seconds=10,
        declared=None,
    ),
    Video(
        "storm",
        "The lighthouse, our light tower, in a storm",
        {"lighthouse": KEPT},
        "lighthouse",
        behaviour=Status(503, times=2, retry_after=0),
    ),
    Video(
        "moved",
        "The old lighthouse has moved",
        {"lighthouse": KEPT},
        "lighthouse",
        behaviour=Redirect("archive/moved.mp4"),
    ),
    Video(
        "keeper",
        "A lighthouse keeper's evening",
        {"lighthouse": KEPT},
        "lighthouse",
        behaviour=Cut(after=30_000, times=2),
    ),
    Video(
        "both",
        "A balloon first, then a sailboat",
        {"balloon": KEPT, "sailboat": KEPT},
        ("balloon", "sailboat"),
    ),
)
"""Titles that tell the truth, in many containers and codecs, from a server with its moods."""

FALSE = (
    Video("either", "Mushroom or lighthouse?", {"mushroom": KEPT, "lighthouse": LIE}, "mushroom"),
    Video("best", "The best balloon of the year", {"balloon": LIE}, "mushroom"),
    Video("official", "Butterfly (official video)", {"butterfly": LIE}, "locomotive"),
    Video("fold", "How to fold a sailboat", {"sailboat": LIE}, SCENERY),
    # It comes after frame 150, and only the first 100 are looked at.
    Video(
        "wait",
        "Wait for the locomotive",
        {"locomotive": LIE},
        (SCENERY, "locomotive"),
        seconds=24,
        declared=24,
    ),
    Video(
        "brief",
        "Five seconds of locomotive",
        {"locomotive": SHORT},
        "locomotive",
        seconds=5,
        declared=None,
    ),
    Video(
        "almost",
        "Almost ten seconds of butterfly",
        {"butterfly": SHORT},
        "butterfly",
        seconds=9.92,
        declared=10,
    ),
    # Long enough in truth, but a source is believed, and nothing is downloaded.
    Video("trailer", "Balloon, the trailer", {"balloon": SHORT}, "balloon", declared=4),
)
"""Titles that promise what the video does not show, or not for long enough."""

BAD = (
    Video("plans", "Sailboat plans, the whole film", {"sailboat": NO_VIDEO}, make=write_page),
    Video("restored", "Mushroom hunt of 1931, restored", {"mushroom": NO_VIDEO}, make=write_noise),
    Video(
        "podcast",
        "Fly agaric, the podcast",
        {"mushroom": NO_VIDEO},
        make=partial(write_sound, seconds=12),
    ),
    # 38 frames can be decoded, of the 100 that are looked at.
    Video(
        "interrupted",
        "Lighthouse, upload interrupted",
        {"lighthouse": BROKEN},
        "lighthouse",
        truncated_at=40,
    ),
    Video("last", "The last steam engine", {"locomotive": GONE}, behaviour=Status(404)),
    Video(
        "members", "Yacht interiors (members only)", {"sailboat": FORBIDDEN}, behaviour=Status(403)
    ),
)
"""What is not there, or is no video."""

OTHER = (
    Video("rents", "Mushrooming rents in the old town", {}, "mushroom"),
    Video("diary", "The balloonist's diary", {}, "balloon"),
    Video("bread", "Bread in ten minutes", {}),
    Video("lecture", "Lecture 12: linear maps", {}),
)
"""Titles that name no class, though two of them seem to."""

VIDEOS: tuple[Video, ...] = (*TRUE, *FALSE, *BAD, *OTHER)

EXPECTED: dict[tuple[str, str], Expected] = {
    (video.id, target): expected for video in VIDEOS for target, expected in video.expected.items()
}
"""The verdict of every pair of video id and target."""
