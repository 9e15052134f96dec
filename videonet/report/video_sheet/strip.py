"""One video as a picture: verdicts, clips, and what the classifier saw frame by frame.

The picture is a column of blocks; each is drawn by one function on a canvas of its own.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from videonet.errors import UsageError
from videonet.files import drafted
from videonet.report.video_sheet.lettering import fitted, width_of, wrapped, write
from videonet.report.video_sheet.video_view import (
    Exhibit,
    Judgement,
    ShownClip,
    label_name,
    sentence,
)
from videonet.schemas.reason import Outcome
from videonet.schemas.scan import Scan
from videonet.schemas.verdict import Verdict

if TYPE_CHECKING:
    from videonet.training.data.preview import Views  # needs PyTorch

# Pixels. A README shows the picture at about half its width, so that letters are large here.
WIDTH = 1600
MARGIN = 48
INNER = WIDTH - 2 * MARGIN
GAP = 12
BLOCK_GAP = 40
LARGE, MEDIUM, SMALL = 40, 28, 22

PAPER = "#ffffff"
INK = "#1b2230"
MUTED = "#647084"
LINE = "#d3d9e2"
SHADE = "#f1f4f8"

OUTCOMES = {
    Outcome.KEPT: "#1a7f4b",
    Outcome.REJECTED: "#a35a00",
    Outcome.FAILED: "#b3261e",
}

# Classes that confirm a target come first, then those of most frames; all further ones share the
# last colour.
PALETTE = ("#2b6cd4", "#e8862e", "#2a9d7c", "#c8457a", "#7a59c0", "#1aa0c4", "#b3901f", "#8a5a44")
OTHER = "#b4bcc8"

# Tallest frame of a clip and of a thumbnail; height of the curve and of the band below it.
FRAME_HEIGHT = 300
THUMBNAIL = 168
CURVE = 120
BAND = 36

# Classes for which the verdict is written out.
VERDICTS = 12

_MICROSECONDS = 1_000_000


def draw_strip(shown: Exhibit) -> Image.Image:
    """The picture of a video, RGB, WIDTH pixels wide and as high as it must be."""
    blocks = [_header(shown.verdict), _verdicts(shown)]
    blocks += [_clip(clip, shown.verdict.clips) for clip in shown.clips]
    if shown.scan is not None:
        blocks.append(_first_frames(shown, shown.scan))
    blocks.append(_footer(shown))
    return _column(blocks, BLOCK_GAP, MARGIN)


def save_strip(picture: Image.Image, file: Path) -> None:
    """Write a picture as PNG. Raises UsageError if that is not possible."""
    try:
        with drafted(file) as draft:
            picture.save(draft, "PNG")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror}); name another file with --to."
        ) from error


def class_colours(shown: Exhibit, scan: Scan) -> dict[int, str]:
    """The colour of each class that was seen, by classifier output, in the legend's order."""
    confirming = {output for each in shown.judgements for output in each.target.outputs}
    counts = Counter(scan.top1)
    order = sorted(counts, key=lambda output: (output not in confirming, -counts[output], output))
    colours = itertools.chain(PALETTE, itertools.repeat(OTHER))
    return dict(zip(order, colours, strict=False))


# The blocks.


def _header(verdict: Verdict) -> Image.Image:
    """Title, address, and what is known of the file."""
    title = wrapped(verdict.title or "(no title)", LARGE, INNER, lines=2)
    lines = [(line, LARGE, INK) for line in title]
    lines.append((fitted(verdict.url, SMALL, INNER), SMALL, MUTED))
    facts = [
        f"{verdict.duration:.2f} s" if verdict.duration is not None else None,
        f"{verdict.width} x {verdict.height}" if verdict.width else None,
        f"{verdict.fps:.3g} frames a second" if verdict.fps else None,
        verdict.codec,
        f"{verdict.bytes / 1e6:,.1f} MB" if verdict.bytes else None,
        f"licence: {verdict.licence or 'not stated'}",
        f"by {verdict.channel}" if verdict.channel else None,
    ]
    about = "  ·  ".join(fact for fact in facts if fact)
    lines.append((fitted(about, SMALL, INNER), SMALL, MUTED))
    return _text(lines)


def _verdicts(shown: Exhibit) -> Image.Image:
    """A verdict a class."""
    rows = [_verdict(each, shown) for each in shown.judgements[:VERDICTS]]
    more = len(shown.judgements) - VERDICTS
    if more > 0:
        rows.append(_text([(f"and verdicts for {more} more classes", SMALL, MUTED)]))
    return _column(rows, 22)


def _verdict(judgement: Judgement, shown: Exhibit) -> Image.Image:
    verdict, target = judgement.verdict, judgement.target
    word, colour = verdict.outcome.upper(), OUTCOMES[verdict.outcome]
    begin = MARGIN + 200
    room = WIDTH - MARGIN - begin
    said = wrapped(sentence(judgement, shown.labels), SMALL, room, lines=2)
    if verdict.error:
        said += wrapped(verdict.error, SMALL, room, lines=2)
    picture, draw = _canvas(48 + round(len(said) * SMALL * 1.4))
    draw.rounded_rectangle((MARGIN, 0, begin - 24, 44), radius=10, fill=colour)
    middle = (MARGIN + begin - 24 - width_of(word, SMALL)) / 2
    write(draw, (middle, 30), word, SMALL, PAPER)
    name = fitted(target.name, MEDIUM, room * 0.6)
    end = write(draw, (begin, 32), name, MEDIUM, INK)
    if verdict.reason:
        end = write(draw, (end + 18, 32), verdict.reason, SMALL, colour)
    write(draw, (end + 18, 32), target.wnid or "", SMALL, MUTED)
    for number, line in enumerate(said):
        write(draw, (begin, 72 + round(number * SMALL * 1.4)), line, SMALL, MUTED)
    return picture


def _clip(clip: ShownClip, of: int) -> Image.Image:
    """Frames of a clip with their times, and what the trainer would see of it."""
    seconds = f"{clip.begin / _MICROSECONDS:.2f} to {clip.end / _MICROSECONDS:.2f} s"
    about = f"{seconds}  ·  {clip.stored} frames  ·  labelled {', '.join(clip.labels)}"
    parts = [_heading(f"Clip {clip.number + 1} of {of}", about), _frames(clip)]
    if clip.views:
        seen = "the trainer's views: three windows, three augmented frames each"
        parts.append(_text([(seen, SMALL, MUTED)]))
        parts.append(_windows(clip))
    return _column(parts, GAP)


def _frames(clip: ShownClip) -> Image.Image:
    cell = (INNER - 7 * GAP) // 8
    images = [_within(each.image, cell, FRAME_HEIGHT) for each in clip.moments]
    height = max(image.height for image in images)
    picture, draw = _canvas(height + 34)
    for place, (moment, image) in enumerate(zip(clip.moments, images, strict=True)):
        x = MARGIN + place * (cell + GAP)
        picture.paste(image, (x, 0))
        write(draw, (x, height + 28), f"{moment.time / _MICROSECONDS:.2f} s", SMALL, MUTED)
    return picture


def _windows(clip: ShownClip) -> Image.Image:
    """The windows side by side: where each lies in its clip, and its views."""
    width = (INNER - 2 * 3 * GAP) // 3
    side = (width - 2 * GAP) // 3
    picture, draw = _canvas(side + 72)
    for place, views in enumerate(clip.views):
        x = MARGIN + place * (width + 3 * GAP)
        _timeline(draw, x, width, clip, views)
        for number, view in enumerate(views.views):
            left = x + number * (side + GAP)
            picture.paste(view.image.resize((side, side), Image.Resampling.LANCZOS), (left, 28))
            text = f"{view.moment / _MICROSECONDS:.2f} s  {view.recipe}"
            write(draw, (left, 28 + side + 28), text, SMALL, MUTED)
    return picture


def _timeline(draw: ImageDraw.ImageDraw, x: int, width: int, clip: ShownClip, views: Views) -> None:
    """A bar that is the clip; in it the window, and in that the moments that were drawn."""

    def at(time: int) -> int:
        return x + round(width * (time - clip.begin) / max(clip.end - clip.begin, 1))

    draw.rectangle((x, 6, x + width, 14), fill=LINE)
    draw.rectangle((at(views.window.begin), 4, at(views.window.end), 16), fill=_tint(PALETTE[0]))
    for view in views.views:
        draw.rectangle((at(view.moment) - 1, 0, at(view.moment) + 1, 20), fill=PALETTE[0])


def _first_frames(shown: Exhibit, scan: Scan) -> Image.Image:
    """The line of the first frames: thumbnails, probability, class, and who is confirmed."""
    colours = class_colours(shown, scan)
    about = "the classifier's first choice for each, and how probable it is"
    parts = [_heading(f"The first {len(scan.top1)} frames", about)]
    if shown.thumbnails:
        parts.append(_thumbnails(shown, scan, colours))
    parts += [_line(scan, colours), _lanes(shown, scan), _legend(shown, scan, colours)]
    return _column(parts, 0)


def _thumbnails(shown: Exhibit, scan: Scan, colours: dict[int, str]) -> Image.Image:
    """The frames that the store has, each with a thread to its place in the line."""
    there = {frame: image for frame, image in shown.thumbnails.items() if frame < len(scan.top1)}
    cell = INNER // max(len(there), 1)
    side = min(THUMBNAIL, cell - GAP)
    top = 2 * 30 + 8
    picture, draw = _canvas(top + side + 40)
    for place, (frame, image) in enumerate(sorted(there.items())):
        x = MARGIN + place * cell
        output = scan.top1[frame]
        scaled = image.resize((side, side), Image.Resampling.LANCZOS)
        draw.rectangle((x, top, x + side, top + side), fill=colours[output])
        picture.paste(scaled.crop((5, 5, side - 5, side - 5)), (x + 5, top + 5))
        probability = f" {scan.probability[frame]:.2f}"
        name = label_name(shown.labels, output)
        name = fitted(name, SMALL, cell - GAP - width_of(probability, SMALL))
        write(draw, (x, 24), f"frame {frame}", SMALL, MUTED)
        write(draw, (x, 54), f"{name}{probability}", SMALL, INK)
        down = (_x(frame, scan) + _x(frame + 1, scan)) // 2
        draw.line((x + side // 2, top + side, down, picture.height), fill=colours[output], width=2)
    return picture


def _line(scan: Scan, colours: dict[int, str]) -> Image.Image:
    """Probability as a curve over the classes as a band, and frame numbers."""
    picture, draw = _canvas(CURVE + BAND + 40)
    draw.rectangle((MARGIN, 0, WIDTH - MARGIN - 1, CURVE), fill=SHADE)
    points = []
    for frame, (output, probability) in enumerate(zip(scan.top1, scan.probability, strict=True)):
        left, right = _x(frame, scan), _x(frame + 1, scan) - 1
        height = round(CURVE * (1 - probability))
        draw.rectangle((left, height, right, CURVE), fill=_tint(colours[output]))
        draw.rectangle((left, CURVE + 4, right, CURVE + BAND), fill=colours[output])
        points.append(((left + right) / 2, CURVE * (1 - probability)))
    draw.line((MARGIN, CURVE // 2, WIDTH - MARGIN - 1, CURVE // 2), fill=LINE)
    for label, y in (("1", 18), (".5", CURVE // 2 + 8), ("0", CURVE)):
        write(draw, (MARGIN - 8 - width_of(label, SMALL), y), label, SMALL, MUTED)
    _curve(picture, points)
    step = next(each for each in _steps() if len(scan.top1) <= 12 * each)
    for frame in range(0, len(scan.top1), step):
        middle = (_x(frame, scan) + _x(frame + 1, scan)) / 2 - width_of(str(frame), SMALL) / 2
        write(draw, (middle, CURVE + BAND + 28), str(frame), SMALL, MUTED)
    return picture


def _lanes(shown: Exhibit, scan: Scan) -> Image.Image:
    """For each class that is confirmed, a mark below each frame that confirms it."""
    rows = []
    for judgement in shown.judgements[:VERDICTS]:
        target, verdict = judgement.target, judgement.verdict
        frames = [place for place, output in enumerate(scan.top1) if output in target.outputs]
        picture, draw = _canvas(62 if frames else 36)
        for frame in frames:
            middle = (_x(frame, scan) + _x(frame + 1, scan)) / 2
            is_best = frame == verdict.best_match
            _mark(draw, middle, 4, 9 if is_best else 5, OUTCOMES[Outcome.KEPT] if is_best else INK)
        said = f"{len(frames)} of {len(scan.top1)} frames confirm {target.name}"
        if not frames:
            said = f"no frame confirms {target.name}"
        elif verdict.best_match is not None:
            said += f", best frame {verdict.best_match}"
        baseline = picture.height - 10
        begin = MARGIN
        if frames:
            _mark(draw, MARGIN + 8, baseline - 14, 7, INK)
            begin += 32
        write(draw, (begin, baseline), fitted(said, SMALL, INNER - 32), SMALL, INK)
        rows.append(picture)
    return _column(rows, 4)


def _legend(shown: Exhibit, scan: Scan, colours: dict[int, str]) -> Image.Image:
    """Names and counts of the classes, as many a line as fit."""
    counts = Counter(scan.top1)
    named = [output for output in colours if colours[output] != OTHER]
    items = [
        (colours[output], label_name(shown.labels, output), counts[output]) for output in named
    ]
    if len(named) < len(colours):
        rest = [output for output in colours if colours[output] == OTHER]
        items.append((OTHER, f"{len(rest)} more", sum(counts[output] for output in rest)))
    picture, draw = _canvas(44 + 40 * len(items))
    x, y = float(MARGIN), 44
    for colour, name, count in items:
        text, number = fitted(name, SMALL, 420), f"  {count}"
        width = 34 + width_of(text + number, SMALL)
        if x + width > WIDTH - MARGIN:
            x, y = float(MARGIN), y + 40
        draw.rounded_rectangle((x, y - 20, x + 24, y + 2), radius=5, fill=colour)
        end = write(draw, (x + 34, y), text, SMALL, INK)
        x = write(draw, (end, y), number, SMALL, MUTED) + 34
    return picture.crop((0, 0, WIDTH, y + 8))


def _footer(shown: Exhibit) -> Image.Image:
    """What could not be shown, and which video this is."""
    verdict = shown.verdict
    notes = [line for note in shown.notes for line in wrapped(note, SMALL, INNER, lines=2)]
    name = f"{verdict.video_id}  ·  {verdict.video_key}"
    lines = [(note, SMALL, INK) for note in notes]
    return _text([*lines, (fitted(name, SMALL, INNER), SMALL, MUTED)])


# What the blocks are made of.


def _canvas(height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (WIDTH, height), PAPER)
    return picture, ImageDraw.Draw(picture)


def _column(blocks: Sequence[Image.Image], gap: int, margin: int = 0) -> Image.Image:
    """The blocks below each other."""
    height = sum(block.height for block in blocks) + gap * (len(blocks) - 1) + 2 * margin
    picture, _ = _canvas(height)
    y = margin
    for block in blocks:
        picture.paste(block, (0, y))
        y += block.height + gap
    return picture


def _text(lines: Sequence[tuple[str, int, str]]) -> Image.Image:
    """Lines of text, each with its size and colour."""
    picture, draw = _canvas(sum(round(size * 1.45) for _, size, _ in lines))
    y = 0
    for text, size, colour in lines:
        write(draw, (MARGIN, y + size), text, size, colour)
        y += round(size * 1.45)
    return picture


def _heading(text: str, about: str) -> Image.Image:
    picture, draw = _canvas(52)
    draw.line((MARGIN, 0, WIDTH - MARGIN - 1, 0), fill=LINE, width=2)
    end = write(draw, (MARGIN, 40), text, MEDIUM, INK)
    room = WIDTH - MARGIN - end - 18
    write(draw, (end + 18, 40), fitted(about, SMALL, room), SMALL, MUTED)
    return picture


def _curve(picture: Image.Image, points: Sequence[tuple[float, float]]) -> None:
    """A smooth line through the points: drawn large, and made smaller."""
    fine = 4
    mask = Image.new("L", (WIDTH * fine, (CURVE + 4) * fine))
    draw = ImageDraw.Draw(mask)
    scaled = [(x * fine, (y + 2) * fine) for x, y in points]
    draw.line(scaled, fill=255, width=3 * fine, joint="curve")
    small = mask.resize((WIDTH, CURVE + 4), Image.Resampling.BOX)
    picture.paste(INK, (0, -2), small)


def _mark(draw: ImageDraw.ImageDraw, x: float, top: int, half: int, colour: str) -> None:
    """A triangle that points up to (x, top)."""
    draw.polygon([(x, top), (x - half, top + 2 * half), (x + half, top + 2 * half)], fill=colour)


def _within(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image as large as it can be within a box, not distorted."""
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _tint(colour: str) -> str:
    """A colour mixed with much white."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{255 - (255 - part) * 2 // 5:02x}" for part in parts)


def _x(frame: int, scan: Scan) -> int:
    """Where a frame begins in the line."""
    return MARGIN + INNER * frame // len(scan.top1)


def _steps() -> Sequence[int]:
    """Distances between frame numbers that read well."""
    return [factor * 10**power for power in range(7) for factor in (1, 2, 5)]
