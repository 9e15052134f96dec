"""Reading log.jsonl, also where it is half written, damaged, or of others."""

import math
import os
from pathlib import Path

import msgspec
import pytest

from videonet.errors import UsageError
from videonet.training.log_lines import LOG, EvaluationLine, StepLine, lines_of, read_lines

STEP = StepLine(1, 2.5, 0.1, 0.99, 1.0, 0.5, 96.0)
FOUND = EvaluationLine(1, "retrieval", {"same_video": 0.5})


def written(run: Path, *lines: bytes) -> Path:
    (run / LOG).write_bytes(b"".join(lines))
    return run


def encoded(line: object) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def test_a_last_line_that_is_half_written_is_left_out(tmp_path):
    log = written(tmp_path, encoded(STEP), encoded(FOUND)[:-9])
    assert list(read_lines(log)) == [STEP]
    # Whole, but for its end: the next byte to be written.
    log = written(tmp_path, encoded(STEP), encoded(FOUND)[:-1])
    assert list(read_lines(log)) == [STEP, FOUND]


@pytest.mark.parametrize(
    "line",
    [
        *(b"\x00\xff", b"{}", b"[" * 100_000, b"3", b'{"kind":"step"}', encoded(STEP)[:9]),
        *(encoded(msgspec.structs.replace(STEP, step=-1))[:-1], b"x" * 2_500_000),
    ],
    ids=["bytes", "empty", "deep", "number", "bare", "cut", "negative", "long"],
)
def test_a_line_of_something_else_is_told_apart_from_those_around_it(tmp_path, line):
    log = written(tmp_path, encoded(STEP), line + b"\n", b"\n", encoded(FOUND))
    assert list(read_lines(log)) == [STEP, None, FOUND]
    assert lines_of(log) == [STEP, FOUND]


@pytest.mark.parametrize("number", [b"NaN", b"null", b"Infinity"])
def test_a_loss_that_is_no_number_is_a_line_all_the_same(tmp_path, number):
    (line,) = lines_of(written(tmp_path, encoded(STEP).replace(b"2.5", number)))
    assert isinstance(line, StepLine)
    assert not math.isfinite(line.loss)
    assert line.images_per_second == 96


def test_a_log_that_is_no_file_is_told_in_a_sentence(tmp_path):
    assert lines_of(tmp_path) == []
    os.mkfifo(tmp_path / LOG)
    with pytest.raises(UsageError, match=r"log\.jsonl is no file"):
        lines_of(tmp_path)
