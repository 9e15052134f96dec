"""What the site says of its videos, as JSON: search results, and pages."""

from collections.abc import Mapping
from typing import Any

from tests.site.records import Condition, Film, Format, SiteVideo

BOT_CHECK = {
    "reason": (
        "Sign in to confirm you\u2019re not a bot. This helps protect our community. Learn more"
    )
}
UNAVAILABLE = {"reason": "Video unavailable"}

PLAYABILITY: Mapping[Condition, Mapping[str, Any]] = {
    Condition.REMOVED: UNAVAILABLE | {"subreason": "This video has been removed by the uploader"},
    Condition.PRIVATE: {
        "reason": "Private video",
        "subreason": "Sign in if you've been granted access to this video",
    },
    Condition.MEMBERS_ONLY: {
        "reason": (
            "Join this channel to get access to members-only content like this video, and other "
            "exclusive perks."
        )
    },
    Condition.GEO_BLOCKED: UNAVAILABLE
    | {
        "subreason": "The uploader has not made this video available in your country",
        "countries": ["IS", "NZ"],
    },
    Condition.AGE_GATED: {
        "reason": "Sign in to confirm your age",
        "subreason": "This video may be inappropriate for some users.",
    },
    Condition.UPCOMING: {"reason": "This live event will begin in 3 days."},
    Condition.PREMIERE: {"reason": "Premieres in 2 hours"},
    Condition.BOT_CHECK_THEN_FINE: BOT_CHECK,
    Condition.SESSION_LIMITED_THEN_FINE: UNAVAILABLE
    | {"subreason": "This content isn't available, try again later."},
}
"""Why a video cannot be played, in YouTube's words: yt-dlp goes by them."""


def entry(video: SiteVideo) -> dict[str, Any]:
    """A search result. A stream that has not ended has no length."""
    return {
        "id": video.id,
        "title": video.title,
        "duration": None if video.live_status else video.declared,
        "channel": video.channel,
        "live_status": video.live_status,
        "availability": ("subscriber_only" if video.condition is Condition.MEMBERS_ONLY else None),
    }


def page(video: SiteVideo, address: str, *, troubled: bool) -> dict[str, Any]:
    """The page of a video on the site at `address`; `troubled`: no passing condition has passed."""
    details = {
        "title": video.title,
        "duration": None if video.live_status else video.declared,
        "channel": video.channel,
        "license": video.licence,
        "language": video.language,
        "live_status": video.live_status or "not_live",
        "upload_date": video.uploaded.strftime("%Y%m%d") if video.uploaded else None,
        "description": f"All of {video.title}.\nSee https://example.org/?token=abc123def",
        "tags": ["film", video.title[:20]],
        "categories": ["Film & Animation"],
        "age_limit": 0,
    }
    playability = PLAYABILITY.get(video.condition) if troubled else None
    if playability or not video.film:
        return {"playability": playability or UNAVAILABLE, "details": details}
    if video.captions:
        details |= _captions(video, address)
    formats = [_format(video, video.film, each, address) for each in video.film.formats]
    return {"playability": None, "details": details, "formats": formats}


def _captions(video: SiteVideo, address: str) -> dict[str, Any]:
    """What yt-dlp tells of captions, by language: those of persons, and those of the site."""
    kinds: dict[str, Any] = {"subtitles": {}, "automatic_captions": {}}
    for each in video.captions:
        kind = kinds["automatic_captions" if each.automatic else "subtitles"]
        url = f"{address}/captions/{video.id}/{each.name}?signature=0a1b2c3d4e"
        kind.setdefault(each.language, []).append({"ext": each.ext, "url": url})
    return kinds


def _format(video: SiteVideo, film: Film, media: Format, address: str) -> dict[str, Any]:
    """What YouTube tells of a file: of its size only where picture and sound are apart."""
    size = media.file.stat().st_size
    apart = "none" in (media.vcodec, media.acodec)
    return {
        "format_id": media.id,
        "url": f"{address}/media/{video.id}/{media.id}.{media.ext}",
        "ext": media.ext,
        "width": media.width,
        "height": media.height,
        "vcodec": media.vcodec,
        "acodec": media.acodec,
        "filesize": size if apart else None,
        "tbr": round(size * 8 / film.seconds / 1000, 3),
    }
