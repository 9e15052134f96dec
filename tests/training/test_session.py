"""What a training notes of itself beside its log: what it is trained on, and each session."""

from pathlib import Path

import pytest

from tests.training.training import quick, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.errors import UsageError  # noqa: E402
from videonet.files import process_name  # noqa: E402
from videonet.schemas.training_note import Session, TrainedOn  # noqa: E402
from videonet.training import checkpoint  # noqa: E402
from videonet.training.asked_to_end import Asked, AskedToEndError  # noqa: E402
from videonet.training.data.clip_index import open_clip_index  # noqa: E402
from videonet.training.session import NOTE, noted, read_note  # noqa: E402
from videonet.training.train import train  # noqa: E402

DATA = TrainedOn(
    dataset="videos", manifest_sha256="ab", videos=3, held_out=1, clips=5, trained_clips=4
)


def session(after: int = 0) -> Session:
    return Session(
        begun="2026-05-09 07:12 UTC",
        after=after,
        process=process_name(),
        ranks=1,
        device="CPU",
        versions={"torch": "2"},
    )


def sessions_of(run: Path) -> tuple[Session, ...]:
    note = read_note(run)
    assert note is not None
    return note.sessions


def test_a_training_notes_what_it_is_trained_on_and_each_of_its_sessions(tmp_path):
    data, run = small_data(tmp_path / "data", videos=9), tmp_path / "run"
    config = quick("data.held_out=0.3", "train.epochs=1", "optimizer.warmup_epochs=0")
    asked = Asked()
    asked.number = 15
    with pytest.raises(AskedToEndError):
        train(config, data, run, asked=asked)
    train(config, data, run)
    note = read_note(run)
    assert note is not None
    dataset = open_clip_index(data, 0.3)
    assert note.trained_on == dataset.trained_on()
    assert (note.trained_on.dataset, note.trained_on.videos) == ("moving_objects", 9)
    assert 0 < note.trained_on.held_out < 9
    assert note.trained_on.trained_clips == len(dataset.training_rows())
    first, second = note.sessions
    assert (first.after, first.end, first.until) == (0, "interrupted", 0)
    assert (second.after, second.end, second.device, second.ranks) == (0, "finished", "CPU", 1)
    assert second.versions == checkpoint.versions()
    # A finished training is left as it is.
    before = (run / NOTE).read_bytes()
    train(config, data, run)
    assert (run / NOTE).read_bytes() == before


def test_a_session_that_goes_on_has_no_end_and_neither_has_one_that_was_killed(tmp_path):
    def killed() -> None:
        with noted(tmp_path, "out", DATA, session()):
            assert [each.end for each in sessions_of(tmp_path)] == [None]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert [each.end for each in sessions_of(tmp_path)] == [None]


def test_why_a_training_failed_is_noted_without_paths_of_the_machine(tmp_path):
    run, data = tmp_path / "run", tmp_path / "data"
    error = UsageError(f"{run / 'checkpoints'} cannot be written.\nAnd {data / 'a.parquet'}.")
    with pytest.raises(UsageError), noted(run, data, DATA, session(3)):
        raise error
    (only,) = sessions_of(run)
    assert (only.end, only.after) == ("failed", 3)
    assert only.said == "RUN/checkpoints cannot be written. And OUT/a.parquet."


def test_a_note_that_cannot_be_read_is_told_in_a_sentence_and_begun_anew(tmp_path):
    assert read_note(tmp_path) is None
    for content in (b"", b"{}", b"\xff", b"[" * 100_000):
        (tmp_path / NOTE).write_bytes(content)
        with pytest.raises(UsageError, match="is no note of a training"):
            read_note(tmp_path)
        with noted(tmp_path, "out", DATA, session()):
            pass
        assert [each.end for each in sessions_of(tmp_path)] == ["finished"]
