"""videonet.storage.handed_on: what one machine has fetched of a video, another one gets."""

import hashlib
import random
from pathlib import Path

import msgspec
import pytest

from videonet.errors import MachineError
from videonet.schemas.fetch import Fetch, Part
from videonet.storage.handed_on import HandedOn, forget_handed_on
from videonet.storage.scratch import Scratch
from videonet.storage.store import Store

RUN = "a" * 32
KEY = "url:example.com/video"
CONTENT = random.Random(1).randbytes(300_000)
SPANS = ((0, 100_000), (250_000, 300_000))


class Machine:
    """A scratch folder of its own, and the stages that work there."""

    def __init__(self, bucket: str, folder: Path, budget: int = 10_000_000) -> None:
        scratch = Scratch(folder, budget)
        self.store = Store(bucket, scratch=scratch)
        self.store.prepare()
        self.handed_on = HandedOn(self.store, scratch, RUN)

    def file(self, name: str) -> Path:
        return self.store.root / name

    def fetched(self, name: str, content: bytes) -> None:
        file = self.store.temporary()
        file.write_bytes(content)
        self.store.adopt(file, name)


def with_holes() -> bytes:
    first, last = SPANS
    return CONTENT[: first[1]] + bytes(last[0] - first[1]) + CONTENT[last[0] :]


def in_part() -> Fetch:
    stretches = b"".join(CONTENT[begin:end] for begin, end in SPANS)
    sha256 = hashlib.sha256(stretches).hexdigest()
    part = Part(spans=SPANS, sha256=sha256, size=len(CONTENT), validator=None)
    return msgspec.structs.replace(whole(), here=False, sha256=None, part=part)


def whole() -> Fetch:
    return Fetch(
        video_key=KEY,
        here=True,
        path=None,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        bytes=len(CONTENT),
        mtime_ns=None,
        reason=None,
        error=None,
        declared_duration=None,
        licence=None,
        attempts=1,
        run_id=RUN,
    )


@pytest.mark.parametrize("kind", ["part", "video"])
def test_another_machine_gets_what_was_fetched_and_nothing_else_lies_there(
    bucket: str, tmp_path: Path, kind: str
):
    fetch, content = (in_part(), with_holes()) if kind == "part" else (whole(), CONTENT)
    one, other = (Machine(bucket, tmp_path / name) for name in ("one", "other"))
    name = one.store.part(KEY) if kind == "part" else one.store.video(KEY)
    one.fetched(name, content)
    assert not one.handed_on.is_elsewhere(fetch)
    one.handed_on.hand_on(fetch)
    one.handed_on.put_down(KEY, decided=False)
    assert not one.file(name).exists()
    (handed,) = other.store.list("handed_on")
    # Stretches, and no holes.
    stretches = len(CONTENT) if kind == "video" else sum(end - begin for begin, end in SPANS)
    assert [each.size for each in other.store.objects.list(handed)] == [stretches]
    for _ in range(2):  # as in a stage that is done again
        assert other.handed_on.is_elsewhere(fetch)
        other.handed_on.bring(fetch)
        assert other.file(name).read_bytes() == content
        other.handed_on.hand_on(fetch)
        other.handed_on.put_down(KEY, decided=False)
        assert not other.file(name).exists()
    other.handed_on.bring(fetch)
    other.handed_on.put_down(KEY, decided=True)
    assert list(other.store.list("handed_on")) == []


def test_what_is_not_as_the_record_says_counts_for_nothing(bucket: str, tmp_path: Path):
    one, other = (Machine(bucket, tmp_path / name) for name in ("one", "other"))
    one.fetched(one.store.part(KEY), with_holes())
    one.handed_on.hand_on(in_part())
    (name,) = one.store.list("handed_on")
    one.store.write(name, b"other bytes")
    other.handed_on.bring(in_part())
    assert other.handed_on.is_elsewhere(in_part())
    # Also what another run has fetched, and files that are read where they are.
    for fetch in (
        msgspec.structs.replace(in_part(), run_id="b" * 32),
        msgspec.structs.replace(whole(), path="/videos/one.mp4"),
        None,
    ):
        assert not other.handed_on.is_elsewhere(fetch)
    forget_handed_on(other.store, "b" * 32)
    assert list(other.store.list("handed_on")) == [name]
    forget_handed_on(other.store, RUN)
    assert list(other.store.list("handed_on")) == []


def test_what_comes_counts_against_the_scratch_budget(bucket: str, tmp_path: Path):
    one = Machine(bucket, tmp_path / "one")
    one.fetched(one.store.video(KEY), CONTENT)
    one.handed_on.hand_on(whole())
    small = Machine(bucket, tmp_path / "small", len(CONTENT) - 1)
    with pytest.raises(MachineError, match="raise --scratch-budget"):
        small.handed_on.bring(whole())
    enough = Machine(bucket, tmp_path / "enough", 2 * len(CONTENT))
    enough.handed_on.bring(whole())
    drafts = list((tmp_path / "enough/drafts").iterdir())
    assert [each.stat().st_size for each in drafts] == [len(CONTENT)]
    enough.handed_on.put_down(KEY, decided=False)
    assert list((tmp_path / "enough/drafts").iterdir()) == []
