"""A world for tests: few films, any number of videos with them, and the verdicts that are due."""

import base64
import functools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from random import Random

from demo.drawing import draw_video
from demo.odd_files import write_sound
from demo.world import CLASSES as ALL_CLASSES
from tests.site.records import CREATIVE_COMMONS, Condition, Film, Format, SiteVideo
from videonet.schemas.reason import Outcome, Reason

KINDS = ("balloon", "sailboat", "locomotive", "mushroom")
"""Classes that films are about, in the order of the demo's class list."""

CLASSES = "".join(
    line for line in ALL_CLASSES.splitlines(keepends=True) if line.split(":")[0] in KINDS
)
"""The lines of the demo's class list for them."""

NAMES = {
    target: (target, *(name.strip() for name in synonyms.split(",")))
    for target, _, synonyms in (line.partition(":") for line in CLASSES.splitlines())
}
"""By target: what it is called."""

LONG, BRIEF = 12, 3
"""Seconds that films last."""

MIXED = ("balloon", "sailboat")
"""Shown one after the other by a film."""

FPS = {LONG: 1, BRIEF: 2}
"""Frames a second: few, so that a thousand videos are soon seen."""

SIZES = {
    "18": (96, 72),
    "160": (192, 144),
    "133": (342, 256),
    "134": (480, 360),
}
"""By YouTube's number of the format: width and height, pixels."""

PROGRESSIVE = "18"
"""The format that YouTube sends with sound. No film has any in truth."""

Films = Mapping[tuple[tuple[str, ...], int], Film]
"""By what they show, and for how many seconds."""

ONE = (
    "{} over the valley",
    "My first {}",
    "A {} at dawn",
    "The best {} of the year",
    "How a {} works",
)
MANY = ("{}s of the north", "Ten {}s you have to see", "More {}s!")
BOTH = ("A {} and a {}", "{} or {}?", "From the {} to the {}")
NEAR = {
    "balloon": "Ballooning, a short history",
    "sailboat": "Sailboating made easy",
    "mushroom": "Mushrooming rents in the old town",
    "locomotive": "A locomotiveless town",
}
"""Titles with a class's name as part of a longer word."""
ENDS = ("", "", " in 4K", " (documentary)", " | slow motion")
CHANNELS = ("Paper Cut Films", "The Long Walk", "North Shore TV", None)
FIRST_DAY = date(2012, 1, 1)
DAYS = 5000


def draw_films(folder: Path) -> Films:
    """Draws the files of all films in `folder`: each of KINDS, long and brief, and MIXED."""
    wanted = [((kind,), seconds) for kind in KINDS for seconds in (LONG, BRIEF)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        drawn = {key: pool.submit(_draw, folder, *key) for key in [*wanted, (MIXED, LONG)]}
        return {key: film.result() for key, film in drawn.items()}


@functools.cache
def shared_films(temporary: Path) -> Films:
    """Films that are drawn once a session, some 2 s. `temporary` is pytest's folder of it."""
    folder = temporary / "films"
    folder.mkdir()
    return draw_films(folder)


def make_videos(
    films: Films, count: int, *, seed: int = 0, troubled: float = 0.3
) -> list[SiteVideo]:
    """`count` videos of all sorts; a share of `troubled` of them in another state than available.

    Equal arguments make equal videos, and a larger count makes more of the same.
    """
    return [_video(films, Random(f"{seed} {index}"), index, troubled) for index in range(count)]


def deserved(
    video: SiteVideo,
    target: str,
    *,
    min_seconds: float = 10.0,
    attempts: int = 5,
    creative_commons_only: bool = False,
) -> tuple[Outcome, Reason | None]:
    """What must become of a video that was found for `target`, which its title names.

    That is with the demo's classifier, with at most `attempts` requests for a page, no limit of
    size, and while the site neither refuses nor suspects.
    """
    assert target in video.names, f"{video.title!r} does not name {target!r}"
    film = video.film
    before = _page_failure(video, attempts)
    declared = None if video.live_status else video.declared
    if declared is not None and declared < min_seconds - 1:
        return _because(Reason.TOO_SHORT)
    if before is not None:
        return _because(before)
    if creative_commons_only and video.licence != CREATIVE_COMMONS:
        return _because(Reason.LICENCE)
    if video.condition in _FILES:
        return _because(_FILES[video.condition])
    assert film is not None
    if target not in film.shows:
        return _because(Reason.NO_TOP1_MATCH)
    if film.seconds < min_seconds:
        return _because(Reason.TOO_SHORT)
    return Outcome.KEPT, None


_PAGES = {
    Condition.REMOVED: Reason.UNAVAILABLE,
    Condition.PRIVATE: Reason.PRIVATE,
    Condition.MEMBERS_ONLY: Reason.PRIVATE,
    Condition.GEO_BLOCKED: Reason.GEO_BLOCKED,
    Condition.AGE_GATED: Reason.AGE_GATED,
    Condition.LIVE: Reason.LIVE,
    Condition.UPCOMING: Reason.UPCOMING,
    Condition.PREMIERE: Reason.UPCOMING,
}
_PASSING = {
    Condition.BOT_CHECK_THEN_FINE: Reason.RATE_LIMITED,
    Condition.SESSION_LIMITED_THEN_FINE: Reason.RATE_LIMITED,
    Condition.RATE_LIMITED_THEN_FINE: Reason.RATE_LIMITED,
    Condition.SERVER_ERROR_THEN_FINE: Reason.SERVER_ERROR,
}
_FILES = {
    Condition.BROKEN_FILE: Reason.UNDECODABLE,
    Condition.NOT_A_VIDEO: Reason.NOT_A_VIDEO,
    # The page was there, so the video is: its address may just have expired.
    Condition.MEDIA_GONE: Reason.REFUSED,
    Condition.MEDIA_FORBIDDEN: Reason.REFUSED,
}
"""Which reason a condition stands for: by the page, or by the file."""


def _page_failure(video: SiteVideo, attempts: int) -> Reason | None:
    if video.condition in _PASSING and video.times >= attempts:
        return _PASSING[video.condition]
    return _PAGES.get(video.condition)


def _because(reason: Reason) -> tuple[Outcome, Reason]:
    return reason.outcome, reason


def _draw(folder: Path, shows: tuple[str, ...], seconds: int) -> Film:
    name = f"{'-'.join(shows)}-{seconds}"
    formats = []
    for number, (width, height) in SIZES.items():
        file = folder / f"{name}-{height}.mp4"
        draw_video(file, shows, seconds, size=(width, height), fps=FPS[seconds], seed="site")
        sound = "mp4a.40.2" if number == PROGRESSIVE else "none"
        formats.append(Format(number, file, width, height, "avc1.4d400c", sound))
    sound_file = folder / f"{name}.m4a"
    write_sound(sound_file, seconds)
    formats.insert(0, Format("140", sound_file, None, None, "none", "mp4a.40.2"))
    return Film(shows, seconds, tuple(formats))


def _video(films: Films, random: Random, index: int, troubled: float) -> SiteVideo:
    title, names = _title(random)
    shows = _shown(random, names)
    film = films[shows, LONG if shows == MIXED or random.random() < 0.85 else BRIEF]
    declared = random.choices((round(film.seconds), None, BRIEF + 1), (70, 20, 10))[0]
    troubles = [each for each in Condition if each is not Condition.AVAILABLE]
    return SiteVideo(
        id=base64.urlsafe_b64encode(random.randbytes(8))[:11].decode(),
        title=f"{title}{random.choice(ENDS)}, part {index + 1}",
        film=film,
        declared=declared,
        channel=random.choice(CHANNELS),
        licence=CREATIVE_COMMONS if random.random() < 0.4 else None,
        condition=random.choice(troubles) if random.random() < troubled else Condition.AVAILABLE,
        uploaded=FIRST_DAY + timedelta(random.randrange(DAYS)),
        names=names,
    )


def _title(random: Random) -> tuple[str, tuple[str, ...]]:
    """A title, and the targets that it names in the order of KINDS."""
    first, second = random.sample(KINDS, 2)
    name, other = random.choice(NAMES[first]), random.choice(NAMES[second])
    sort = random.choices(("one", "many", "both", "near"), (50, 25, 15, 10))[0]
    names: tuple[str, ...]
    match sort:
        case "one":
            title, names = random.choice(ONE).format(name), (first,)
        case "many":
            title, names = random.choice(MANY).format(name), (first,)
        case "both":
            names = tuple(sorted((first, second), key=KINDS.index))
            title = random.choice(BOTH).format(name, other)
        case _:
            title, names = NEAR[first], ()
    return title[0].upper() + title[1:], names


def _shown(random: Random, names: tuple[str, ...]) -> tuple[str, ...]:
    """What a video shows: in three of four cases what its title names, or some of that."""
    others = [kind for kind in KINDS if kind not in names]
    if not names or random.random() < 0.25:
        return (random.choice(others),)
    return MIXED if names == MIXED else (random.choice(names),)
