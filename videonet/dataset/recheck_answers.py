"""The answers of `videonet recheck` in OUT/_state/recheck: a file a shard, and the round."""

from collections.abc import Collection, Iterable

import msgspec

from videonet.schemas.recheck import RecheckAnswer, Round
from videonet.schemas.record import from_json
from videonet.storage.dataset_dir import DatasetDir

# Below OUT.
ANSWERS = "_state/recheck"
_ROUND = f"{ANSWERS}/round.json"

# Bytes of the answers of one shard, which has some 250 videos; and of a round.
_MOST_BYTES = 64_000_000
_MOST_ROUND_BYTES = 10_000


def read_answers(output: DatasetDir, index: int) -> dict[str, RecheckAnswer]:
    """What was answered of the videos of a shard, by key; what cannot be read is no answer."""
    try:
        answers = from_json(
            output.files.read(_place(index), _MOST_BYTES), tuple[RecheckAnswer, ...]
        )
    except (OSError, msgspec.DecodeError):
        return {}
    return {each.video_key: each for each in answers}


def write_answers(output: DatasetDir, index: int, answers: Iterable[RecheckAnswer]) -> None:
    """Write all answers of a shard. Raises OSError."""
    ordered = sorted(answers, key=lambda each: each.video_key)
    output.files.write(_place(index), msgspec.json.encode(ordered))


def strip_answers(output: DatasetDir, index: int, gone: Collection[str]) -> None:
    """Take the answers of videos out of a shard's; a file that cannot be read goes as a whole.

    Answers hold ids and the words of sites. What is lost is asked again. Raises OSError.
    """
    if output.files.size(_place(index)) is None:
        return
    answers = read_answers(output, index)
    left = [each for key, each in answers.items() if key not in gone]
    if not left:
        output.files.delete(_place(index))
    elif len(left) < len(answers):
        write_answers(output, index, left)


def read_round(output: DatasetDir) -> Round | None:
    """The round that was begun and has not ended; None: there is none that can be read."""
    try:
        return from_json(output.files.read(_ROUND, _MOST_ROUND_BYTES), Round)
    except (OSError, msgspec.DecodeError):
        return None


def write_round(output: DatasetDir, begun: Round) -> None:
    """Write that a round began. Raises OSError."""
    output.files.write(_ROUND, begun.to_json())


def end_round(output: DatasetDir) -> None:
    """Write that the round ended."""
    output.files.delete(_ROUND)


def _place(index: int) -> str:
    return f"{ANSWERS}/{index:05d}.json"
