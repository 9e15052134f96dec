"""Which of a video's formats is downloaded: the smallest that is large enough, as a single file.

Frames are classified at some 256 pixels and stored with a short side of 256: more would be thrown
away, less would have to be invented. Nothing is merged, so no ffmpeg is needed; without sound, a
video-only format is as good as any.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from videonet.fetch.ytdlp import may_lack_fragments

# As yt-dlp describes a format: the fields are those of its extractors' info dicts.
Format = dict[str, Any]

# Pixels; the short side of clips, and of frames before they are cropped for a usual classifier.
SHORT_SIDE = 256

_PLAIN = frozenset({"http", "https"})

# Protocols that yt-dlp downloads by itself (with its option hls_prefer_native). For others it
# starts ffmpeg or rtmpdump.
_NATIVE = _PLAIN | {"m3u8", "m3u8_native", "http_dash_segments", "ism", "f4m"}

# Codecs as extractors name them, of those that PyAV decodes.
_DECODED = re.compile(r"avc|[hx]26[345]|he?v[c1]|vp0?[89]|av0?1|mp4v|theora", re.IGNORECASE)

# yt-dlp's fields of preference: -1 is usual, and a format with less has something wrong with it.
_USUAL = -1


def smallest_format(context: Mapping[str, Any]) -> Iterator[Format]:
    """A value for yt-dlp's option `format`: yields one of `context["formats"]`, or none."""
    chosen = choose(context["formats"])
    if chosen is not None:
        yield chosen


def choose(formats: Sequence[Format]) -> Format | None:
    """The format to download, whatever their order; None if there are only still pictures.

    The least short side of at least SHORT_SIDE, else the largest below, else one whose size is not
    known. Of one size: what is not HDR, a plain file, and then the fewest bytes. A format that
    yt-dlp or PyAV cannot handle, or that is damaged, is taken only where there is no other.
    """
    moving = [each for each in formats if not _is_still(each) and not _is_sound(each)]
    if not moving and all(_is_sound(each) for each in formats):
        # Some servers call a video sound, so the file is fetched and then looked at. Sound beside
        # the pictures of a storyboard is another matter: the site withholds the video.
        moving = list(formats)
    return min(moving, key=_rank, default=None)


def _rank(each: Format) -> tuple[object, ...]:
    """Sorts the better one first: the first difference decides."""
    short = _short_side(each)
    return (
        _is_out_of_reach(each),
        _is_doubtful(each),
        *_size(each, short),
        # Frames are read as if they were SDR, and classifiers have seen nothing else: the colours
        # of HDR come out wrong.
        each.get("dynamic_range") not in {None, "SDR"},
        _below_usual(each.get("source_preference")),
        # Of a plain file a part can be asked for, and no missing fragment leaves a hole in it.
        each.get("protocol") not in _PLAIN,
        *_weight(each, heaviest_first=short is None and not _is_sound(each)),
        str(each.get("format_id")),  # yt-dlp gives each its own
    )


def _is_still(each: Format) -> bool:
    """Whether it is pictures that do not move: a storyboard."""
    if each.get("ext") == "mhtml" and each.get("protocol") not in _PLAIN:
        return True  # and not a file whose address alone ends so
    return each.get("vcodec") == each.get("acodec") == "none"


def _is_sound(each: Format) -> bool:
    return each.get("vcodec") == "none" and each.get("acodec") != "none"


def _is_out_of_reach(each: Format) -> bool:
    """Whether it cannot be downloaded or decoded, or that is likely to fail."""
    codec = each.get("vcodec")
    return (
        bool(each.get("has_drm"))  # "maybe" is one of its values
        or each.get("protocol") not in _NATIVE
        or bool(codec and codec != "none" and not _DECODED.match(codec))
    )


def _is_doubtful(each: Format) -> bool:
    """Whether it is not quite the video: cut short, with a watermark, invented by an upscaler."""
    return (
        _below_usual(each.get("preference"))
        or may_lack_fragments(each)
        or "AI-upscaled" in (each.get("format_note") or "")
    )


def _below_usual(preference: float | None) -> bool:
    return preference is not None and preference < _USUAL


def _short_side(each: Format) -> float | None:
    """Pixels; many extractors state the height alone."""
    return min(filter(None, (each.get("width"), each.get("height"))), default=None)


def _size(each: Format, short: float | None) -> tuple[int, float]:
    """Large enough, the least first; too small, the largest first; unknown, the best first."""
    if short is None:
        quality = each.get("quality")
        return 2, -(_USUAL if quality is None else quality)
    return (0, short) if short >= SHORT_SIDE else (1, -short)


def _weight(each: Format, *, heaviest_first: bool) -> tuple[bool, float, float]:
    """Bytes where they are known, and bits per second.

    Where yt-dlp does not make bytes of bits per second, these are a peak that a manifest states:
    they compare with each other alone. Of formats of unknown size the heaviest may be the largest.
    """
    size = each.get("filesize") or each.get("filesize_approx")
    rate = each.get("tbr")
    sign = -1 if heaviest_first else 1
    return size is None, sign * (size or 0), sign * rate if rate else math.inf
