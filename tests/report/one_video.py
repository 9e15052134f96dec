"""Videos of the small data set, and how the tests of their pages look at them."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import msgspec
from PIL import Image

from tests.curating import verdicts_of
from tests.report.parsed import Element, parsed
from videonet.report.video_sheet.load import load_view
from videonet.report.video_sheet.page import sheet_of
from videonet.report.video_sheet.view import VideoView
from videonet.schemas.verdict import Verdict

# Kept for two classes; kept, with two clips; rejected.
BOTH, LONG, NOT_ONE = (
    "a balloon and a sailboat.mp4",
    "a balloon.mp4",
    "a mushroom, or so they say.mp4",
)


def shown(out: Path, asked: str, store: Path | None = None) -> VideoView:
    return load_view(out, asked, store, training_views=False)


def verdict_of(out: Path, video_id: str) -> Verdict:
    return next(each for each in verdicts_of(out) if each.video.video_id == video_id)


def sheet(view: VideoView) -> Element:
    return parsed(sheet_of(view))


def changed(view: VideoView, **changes: object) -> VideoView:
    """The view with something else in all of its verdicts."""
    return replace(
        view,
        verdicts=tuple(
            replace(each, verdict=Verdict.from_row(each.verdict.to_row() | changes))
            for each in view.verdicts
        ),
    )


def named(view: VideoView, name: str) -> VideoView:
    """The view with another name for all of its classes."""
    return replace(
        view,
        verdicts=tuple(
            replace(each, target=msgspec.structs.replace(each.target, name=name, wnid=name))
            for each in view.verdicts
        ),
    )


def jpeg_of(image: Image.Image) -> bytes:
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG")
    return jpeg.getvalue()


def pictured(figure: Element) -> bytes:
    """The JPEG of a figure."""
    kind, _, data = figure.one("img").attributes["src"].partition(",")
    assert kind == "data:image/jpeg;base64"
    return base64.b64decode(data)
