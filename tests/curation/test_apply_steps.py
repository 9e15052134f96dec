"""Steps: what they find out, whether they are taken together, apart, or more than once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import onnx
import pytest

from demo.drawing import draw_video
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curating import frames_classified, options_of
from tests.fetch.padding import pad
from tests.fetch.visiting import candidate
from tests.local import LOCAL
from videonet.curation.apply_steps import apply_steps
from videonet.curation.context import RunContext, open_context
from videonet.curation.listed import Listed
from videonet.curation.run_progress import done_in
from videonet.curation.steps import STEPS
from videonet.errors import UsageError
from videonet.execution.prepare import prepare
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.schemas.verdict import Verdict
from videonet.storage.store import RecordState, Store


class Counting(Store):
    """Counts the records of videos that are read from it."""

    reads = 0

    def record(self, video_key: str) -> RecordState:
        self.reads += 1
        return super().record(video_key)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that shows a balloon, and another one that is long enough to be fetched in parts."""
    folder = tmp_path_factory.mktemp("files")
    draw_video(folder / "balloon.mp4", "balloon", 11, size=(96, 64))
    (folder / "long.mp4").write_bytes((folder / "balloon.mp4").read_bytes())
    pad(folder / "long.mp4", 3_000_000)
    return folder


@pytest.fixture
def server(files: Path) -> Iterator[VideoServer]:
    with VideoServer(files) as server:
        yield server


def context_in(folder: Path, **options: object) -> RunContext:
    """The context of a run for balloons and sailboats, below `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "classes.txt").write_text("balloon\nsailboat\n")
    (folder / "videos.csv").write_text("id,url,title\nsome,http://127.0.0.1/video,some\n")
    given = {
        "targets": str(folder / "classes.txt"),
        "source": f"catalogue:{folder / 'videos.csv'}",
        "classifier": str(MODEL),
        "store": folder / "store",
        "out": folder / "out",
        "requests_per_second": 1000.0,
        "allow_private_hosts": LOCAL,
    }
    with open_context(prepare(*options_of(given | options))) as context:
        context.store = Counting(context.store.root)
        return context


def found(server: VideoServer, name: str, *targets: str) -> Candidate:
    matches = tuple(
        Match(target_id=each, names=(each,), title=None, query=None, rank=0) for each in targets
    )
    return msgspec.structs.replace(candidate(server.url(name)), matches=matches)


def apart(context: RunContext, one: Candidate) -> list[Verdict]:
    """The verdicts when each step begins from what the store knows."""
    for step in STEPS:
        result = apply_steps(context, Listed(one), [step])
        if result.pending is None:
            return result.verdicts
        one = result.pending.candidate
    raise AssertionError("a step was missing")


@pytest.mark.parametrize("name", ["balloon.mp4", "long.mp4"])
@pytest.mark.parametrize("targets", [("balloon",), ("sailboat",), ("balloon", "sailboat")])
def test_steps_come_to_the_same_verdicts_together_and_apart(
    server: VideoServer, tmp_path: Path, name: str, targets: tuple[str, ...]
):
    one = found(server, name, *targets)
    result = apply_steps(context_in(tmp_path / "together"), Listed(one), STEPS)
    assert result.pending is None
    verdicts = result.verdicts
    assert verdicts == apart(context_in(tmp_path / "apart"), one)
    assert [(each.target_id, each.outcome) for each in verdicts] == [
        (each, Outcome.KEPT if each == "balloon" else Outcome.REJECTED) for each in targets
    ]


def test_what_is_said_of_a_video_is_the_same_in_all_its_rows(server: VideoServer, tmp_path: Path):
    one = found(server, "long.mp4", "balloon", "sailboat")
    kept, rejected = apply_steps(context_in(tmp_path), Listed(one), STEPS).verdicts
    assert (kept.reason, rejected.reason) == (None, Reason.NO_TOP1_MATCH)
    assert (kept.sha256, kept.duration) == (rejected.sha256, rejected.duration)
    assert None not in (kept.sha256, kept.duration)


def test_taken_together_the_steps_read_the_record_before_and_after_the_video_is_in_hand(
    server: VideoServer, tmp_path: Path
):
    context = context_in(tmp_path)
    assert isinstance(context.store, Counting)
    listed = Listed(found(server, "long.mp4", "balloon"))
    apply_steps(context, listed, STEPS)
    assert context.store.reads == 2
    # What is known decides: nobody has to keep away from the video for that.
    apply_steps(context, listed, STEPS)
    assert context.store.reads == 3


@pytest.mark.parametrize("keep", [Keep.KEPT, Keep.NONE])
def test_a_candidate_that_a_runner_repeats_counts_once_and_takes_its_room_once(
    server: VideoServer, tmp_path: Path, keep: Keep
):
    context = context_in(tmp_path, keep=keep)
    one = found(server, "long.mp4", "balloon", "sailboat")
    first = apply_steps(context, Listed(one), STEPS)
    requests, seen = len(server.requests()), frames_classified()
    for again in (apply_steps(context, Listed(one), STEPS).verdicts, apart(context, one)):
        assert again == first.verdicts
    assert (len(server.requests()), frames_classified()) == (requests, seen)
    assert done_in(context.progress.now()) == 2
    assert context.budget.used == context.store.video_bytes()
    assert bool(context.budget.used) == (keep is Keep.KEPT)


def test_an_exception_fails_the_pairs_that_it_leaves_open_and_no_other(
    server: VideoServer, tmp_path: Path
):
    context = context_in(tmp_path)
    one = found(server, "long.mp4", "balloon", "sailboat")
    # Where clips should go, there is a file.
    (context.store.root / "clips").write_text("no folder")
    kept, rejected = apply_steps(context, Listed(one), STEPS).verdicts
    assert (kept.outcome, kept.reason) == (Outcome.FAILED, Reason.INTERNAL)
    assert (rejected.outcome, rejected.reason) == (Outcome.REJECTED, Reason.NO_TOP1_MATCH)
    assert context.budget.used == context.store.video_bytes()


def test_no_other_classifier_is_taken_for_the_one_that_the_run_was_prepared_for(tmp_path: Path):
    for suffix in (".onnx", ".json"):
        shutil.copy(MODEL.with_suffix(suffix), tmp_path / f"model{suffix}")
    context = context_in(tmp_path / "run", classifier=str(tmp_path / "model.onnx"))
    model = onnx.load(tmp_path / "model.onnx")
    model.doc_string = "another one"
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(UsageError, match="the run was prepared for"):
        _ = context.classifier
