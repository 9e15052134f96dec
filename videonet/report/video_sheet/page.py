"""Draws a video's page: one HTML file that opens from disk and asks nothing of the web.

The page needs no script. Its style sheet is the report's and, after it, its own.
"""

import base64
import io
import re
from importlib import resources
from pathlib import Path

import jinja2
from PIL import Image

from videonet.errors import UsageError
from videonet.files import drafted
from videonet.report.page.render import content_policy, style_sheet
from videonet.report.video_sheet.frame_line import frame_line
from videonet.report.video_sheet.view import VideoView, sentence
from videonet.schemas.shown import printable
from videonet.schemas.verdict import Verdict
from videonet.storage.store import digest
from videonet.text import codec_name

# Of the pictures that no shard has as JPEGs.
_QUALITY = 90


def sheet_of(view: VideoView) -> str:
    """The page as HTML, the same for the same view."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,  # titles, addresses and error texts stay text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": _seconds, "percent": _percent, "picture": _picture}
    style = style_sheet() + _read("sheet.css")
    line = frame_line(view.scan, view.verdicts, view.label_names) if view.scan else None
    page = environment.get_template("sheet.html").render(
        policy=content_policy(style),
        style=style,
        view=view,
        verdict=view.verdict,
        video=view.verdict.video,
        is_web=view.verdict.video.url.lower().startswith(("http://", "https://")),
        facts=_facts(view.verdict),
        verdicts=[
            (each, sentence(each, view.label_names, view.compared)) for each in view.verdicts
        ],
        line=line,
        # A thumbnail of a frame that the scan does not know has no place in the line.
        thumbnails=[
            (index, line.frames[index], image)
            for index, image in sorted(view.thumbnails.items())
            if line is not None and index < len(line.frames)
        ],
    )
    return printable(page)


def file_name(verdict: Verdict) -> str:
    """A file name for a video's page that every file system takes, another for each video."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", verdict.video.video_id).strip("-")
    return f"{plain[:60] or 'video'}-{digest(verdict.video_key)[:8]}.html"


def save_sheet(view: VideoView, file: Path) -> None:
    """Write the page. Raises UsageError if that is not possible."""
    try:
        with drafted(file) as draft:
            draft.write_text(sheet_of(view), "utf-8")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror}); name another file with --to."
        ) from error


def _facts(verdict: Verdict) -> list[str]:
    """What is known of the file and where it comes from, each as a few words."""
    facts = [
        f"{verdict.duration:.2f} s" if verdict.duration is not None else None,
        f"{verdict.width} x {verdict.height}" if verdict.width else None,
        f"{verdict.fps:.3g} frames a second" if verdict.fps else None,
        codec_name(verdict.codec) if verdict.codec else None,
        f"{verdict.bytes / 1e6:,.1f} MB" if verdict.bytes else None,
        f"licence: {verdict.video.licence or 'not stated'}",
        f"by {verdict.video.channel}" if verdict.video.channel else None,
    ]
    return [fact for fact in facts if fact]


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1_000_000:.2f} s"


def _percent(part: float, whole: float) -> str:
    """A place or a width, for attributes of SVG; of nothing, all is at the beginning."""
    return f"{100 * part / whole if whole else 0:.6g}%"


def _picture(source: bytes | Image.Image) -> str:
    """A picture, JPEG or RGB, as the address of an image in the page."""
    if isinstance(source, Image.Image):
        jpeg = io.BytesIO()
        source.save(jpeg, "JPEG", quality=_QUALITY, subsampling=0)
        source = jpeg.getvalue()
    return f"data:image/jpeg;base64,{base64.b64encode(source).decode()}"


def _read(name: str) -> str:
    return (resources.files("videonet.report.video_sheet") / name).read_text("utf-8")
