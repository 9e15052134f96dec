"""All that the page says of a training, from what lies in its folder. No checkpoint is read."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from videonet.errors import UsageError
from videonet.files import is_file
from videonet.report.training_page.attention import AttentionPictures, attention_pictures
from videonet.report.training_page.chart import Chart, chart, percent, plain
from videonet.report.training_page.journal import LEARNED, Journal, journal_of
from videonet.report.training_page.progress import SessionRow, session_rows, state_of, steps_done
from videonet.report.training_page.settings import Settings, method_of, settings_of
from videonet.schemas.training_note import TrainingNote
from videonet.text import duration, file_size, number
from videonet.training.config import Config, load, steps_in
from videonet.training.learned import FEWEST, Learned, too_few
from videonet.training.log_lines import LOG
from videonet.training.session import NOTE, read_note

_CHECKPOINT = re.compile(r"step-(\d{8,12})\.pt")

# What an evaluation says that is no share.
_COUNTS = frozenset({"left_out", "videos"})


class Size(NamedTuple):
    """A number at the top of the page, what it counts, and what is to be known of it."""

    name: str
    value: str
    label: str
    note: str


class Found(NamedTuple):
    """What an evaluation said last."""

    name: str
    step: int
    # names and numbers
    numbers: tuple[tuple[str, str], ...]
    # how often it failed and why the last time; "" if it did not
    failed: str


class CheckpointFile(NamedTuple):
    """A checkpoint that is there."""

    step: int
    bytes: str


@dataclass(frozen=True)
class TrainingFacts:
    """The whole page."""

    title: str
    # "finished", or how far it is
    state: str
    summary: str
    # whether it learned, in a sentence
    learned: str
    notices: tuple[str, ...]
    sizes: tuple[Size, ...]
    # names and what is said of each
    trained_on: tuple[tuple[str, str], ...]
    learning: tuple[Chart, ...]
    asked: tuple[Chart, ...]
    found: tuple[Found, ...]
    speed: tuple[Chart, ...]
    attention: AttentionPictures
    # why there is no picture
    no_picture: str
    sessions: tuple[SessionRow, ...]
    # how many there were before those
    earlier_sessions: int
    checkpoints: tuple[CheckpointFile, ...]
    settings: Settings
    # of the last session
    versions: tuple[tuple[str, str], ...]


def facts_of(run: Path) -> TrainingFacts:
    """What is to be said of the training in a folder, which may go on meanwhile.

    Raises UsageError where something in it cannot be read.
    """
    config = load(str(run / "config.toml"))
    note = read_note(run)
    journal = journal_of(run)
    steps = steps_in(config.train.epochs, config)
    done = steps_done(note, journal.last_step)
    state = state_of(note, done, steps)
    method = method_of(config)
    return TrainingFacts(
        title=f"{method} with {config.backbone.name}",
        state=state,
        summary=_summary(journal, config, done, steps, note),
        learned=_learned(journal, note, is_done=state == "finished"),
        notices=_notices(journal, note),
        sizes=_sizes(journal, config, done, steps, note),
        trained_on=_trained_on(journal, config, note),
        learning=_charts(
            chart("loss", "Loss", {"loss": journal.steps["loss"]}, steps),
            chart(
                "learning_rate",
                "Learning rate",
                {"learning rate": journal.steps["learning_rate"]},
                steps,
                from_zero=True,
            ),
            chart(
                "target_momentum",
                "Momentum of the target",
                {"momentum": journal.steps["target_momentum"]},
                steps,
            ),
        ),
        asked=_evaluation_charts(journal, steps),
        found=_found(journal),
        speed=_speed_charts(journal, steps),
        attention=attention_pictures(run),
        no_picture=_no_picture(config),
        sessions=session_rows(note, steps),
        earlier_sessions=len(note.sessions) - len(session_rows(note, steps)) if note else 0,
        checkpoints=_checkpoints(run),
        settings=settings_of(config),
        versions=tuple(sorted(note.sessions[-1].versions.items()))
        if note is not None and note.sessions
        else (),
    )


def _charts(*charts: Chart | None) -> tuple[Chart, ...]:
    return tuple(each for each in charts if each is not None)


def _summary(
    journal: Journal, config: Config, done: int, steps: int, note: TrainingNote | None
) -> str:
    """How far it is, and what became of the loss."""
    on = f" on {note.trained_on.dataset}" if note is not None else ""
    which = number(steps, "step") if done >= steps else f"{done:,} of {number(steps, 'step')}"
    begin = f"{which} of {number(config.train.batch, 'clip')}{on}"
    points = journal.steps["loss"].points()
    if not points:
        return (
            f"{begin}; no loss was written down yet: a line comes every {config.log.every} steps."
        )
    first, last = points[0], points[-1]
    lowest = min(points, key=lambda each: each.value)
    if first == last:
        return f"{begin}; the loss is {plain(last.value)} at step {last.step:,}."
    least = "" if lowest == last else f", the lowest {plain(lowest.value)} at step {lowest.step:,}"
    return (
        f"{begin}; the loss was {plain(first.value)} at step {first.step:,} and is "
        f"{plain(last.value)} at step {last.step:,}{least}."
    )


def _learned(journal: Journal, note: TrainingNote | None, *, is_done: bool) -> str:
    """Whether it learned, as the training said at its end, or why nobody knows."""
    asked = journal.evaluations.get(LEARNED)
    if asked is None and not is_done:
        return "Whether it learned is asked at its end."
    if asked is not None and asked.last:
        found = Learned.of_values(asked.last)
        if found is not None:
            return found.sentence()
        return "An earlier version asked whether it learned, and kept no verdict: see the numbers."
    if asked is not None:
        return f"Whether it learned could not be asked: {asked.failed}"
    if note is not None:
        data = note.trained_on
        if max(data.held_out, data.videos - data.held_out) < FEWEST:
            return too_few(data.videos)
    return "The log does not say whether it learned."


def _notices(journal: Journal, note: TrainingNote | None) -> tuple[str, ...]:
    """What is to be known before anything else is read."""
    found = []
    if journal.unreadable:
        lines = number(journal.unreadable, "line")
        found.append(f"{lines} of {LOG} cannot be read, and nothing of them is here.")
    loss = journal.steps["loss"]
    if loss.no_numbers:
        found.append(
            f"The loss is no number in {number(loss.no_numbers, 'line')}, the first after step "
            f"{loss.first_no_number or 0:,}: what was learned after that is lost."
        )
    if journal.has_more_evaluations:
        found.append("There are more evaluations in the log than are shown here.")
    if note is None:
        found.append(
            "An earlier version made this training: its data set, sessions and versions are in its "
            "checkpoints alone, which are not read here."
        )
    return tuple(found)


def _sizes(
    journal: Journal, config: Config, done: int, steps: int, note: TrainingNote | None
) -> tuple[Size, ...]:
    """How much there was, at a glance."""
    clips = done * config.train.batch
    epochs = plain(clips / config.data.examples_per_epoch)
    found = [
        Size("steps", f"{done:,}", "steps", f"of {steps:,}; epochs: {epochs}"),
    ]
    images = journal.images_a_step
    if images is not None:
        found.append(Size("images", f"{done * images:,}", "images seen", f"in {clips:,} clips"))
    if note is not None:
        data = note.trained_on
        held = f"; {data.held_out:,} more held out" if data.held_out else ""
        found.append(
            Size(
                "videos",
                f"{data.videos - data.held_out:,}",
                "videos",
                f"{number(data.trained_clips, 'clip')}{held}",
            )
        )
    if journal.seconds and images is not None:
        speed = journal.last_step * images / journal.seconds
        waited = journal.seconds_waiting / journal.seconds
        found += [
            Size("images_per_second", plain(speed), "images a second", "in the mean"),
            Size("waiting", percent(waited), "waiting for data", "of the time of all steps"),
            Size("seconds", duration(journal.seconds), "for all steps", "without evaluations"),
        ]
    return tuple(found)


def _trained_on(
    journal: Journal, config: Config, note: TrainingNote | None
) -> tuple[tuple[str, str], ...]:
    damaged = (
        f"{number(journal.damaged, 'damaged clip')} had another one in place; training stops at "
        f"more than {config.data.most_damaged:,}"
    )
    if note is None:
        return (("damaged", damaged),)
    data = note.trained_on
    return (
        ("data set", data.dataset),
        ("manifest sha256", data.manifest_sha256),
        ("videos", f"{data.videos - data.held_out:,} trained on, {data.held_out:,} held out"),
        (
            "clips",
            f"{data.trained_clips:,} trained on, {data.clips - data.trained_clips:,} held out",
        ),
        ("damaged", damaged),
    )


def _evaluation_charts(journal: Journal, steps: int) -> tuple[Chart, ...]:
    """A chart for each evaluation; whether it learned is asked once, and is none."""
    found = []
    for name, each in journal.evaluations.items():
        shares = {
            label: series
            for label, series in each.numbers.items()
            if label.rpartition("/")[2] not in _COUNTS
        }
        if name != LEARNED:
            # What a user's own evaluation finds need not be a share.
            is_share = all(
                0 <= point.value <= 1 for series in shares.values() for point in series.points()
            )
            shown = percent if is_share else plain
            found.append(chart(f"evaluation {name}", name, shares, steps, shown, from_zero=True))
    return _charts(*found)


def _found(journal: Journal) -> tuple[Found, ...]:
    found = []
    for name, each in journal.evaluations.items():
        last = [
            (label, series.points()[-1].value) for label, series in each.numbers.items() if series
        ]
        numbers = tuple(
            (label, plain(value) if _is_count(label, value) else percent(value))
            for label, value in last
        )
        times = number(each.failures, "time")
        failed = f"failed {times}, last: {each.failed}" if each.failures else ""
        found.append(Found(name, each.last_step, numbers, failed))
    return tuple(found)


def _is_count(label: str, value: float) -> bool:
    counts = _COUNTS | {"held_out", "gained", "lost"}
    return label.rpartition("/")[2] in counts or not 0 <= value <= 1


def _speed_charts(journal: Journal, steps: int) -> tuple[Chart, ...]:
    return _charts(
        chart(
            "images_per_second",
            "Images a second, of all ranks",
            {"images/s": journal.steps["images_per_second"]},
            steps,
            from_zero=True,
        ),
        chart(
            "waiting",
            "Share of a step's time waiting for data",
            {"waiting": journal.steps["waiting"]},
            steps,
            percent,
            from_zero=True,
        ),
        chart(
            "windows_crossing",
            "Windows that cross a cut",
            {"crossing": journal.steps["windows_crossing"]},
            steps,
            percent,
            from_zero=True,
        ),
    )


def _no_picture(config: Config) -> str:
    if config.pooling.kind != "attention":
        return "There is none: the features are averaged, without attention."
    if not config.log.picture_every:
        return "There is none: log.picture_every is 0."
    return f"There is none yet: one is made every {config.log.picture_every:,} steps."


def _checkpoints(run: Path) -> tuple[CheckpointFile, ...]:
    found = []
    for file in (run / "checkpoints").glob("step-*.pt"):
        name = _CHECKPOINT.fullmatch(file.name)
        if name is None:
            continue
        try:
            found.append(CheckpointFile(int(name[1]), file_size(file.stat().st_size)))
        except OSError:
            # A training that goes on has deleted it meanwhile.
            continue
    return tuple(sorted(found))


def is_training(out: Path) -> bool:
    """Whether a folder holds a training, and no data set.

    Raises UsageError if it holds both, and for a configuration beside which nothing was trained.
    """
    if not is_file(out / "config.toml"):
        return False
    marks = [each for each in ("manifest.json", "_state/run.json") if is_file(out / each)]
    if marks:
        raise UsageError(
            f"{out} holds a data set ({marks[0]}) and a training (config.toml); keep each in a "
            "folder of its own, and give the one that is meant."
        )
    if not (is_file(out / LOG) or is_file(out / NOTE) or (out / "checkpoints").is_dir()):
        raise UsageError(
            f"{out} holds a config.toml and no training (none of {LOG}, {NOTE} and checkpoints); "
            "give the folder of a training or of a data set."
        )
    return True
