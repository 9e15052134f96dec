"""What a store has from earlier rules is not believed; nothing that is here is fetched again."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from demo.drawing import draw_video
from demo.server import VideoServer
from tests.curating import frames_classified
from tests.curation.test_apply_steps import context_in, found
from tests.stored import records_in, sections_in
from videonet.curation.apply_steps import apply_steps
from videonet.curation.listed import Listed
from videonet.curation.steps import STEPS
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.schemas.video_record import sections_of
from videonet.storage.store import Store


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose clock starts again in the middle: two times 6 s."""
    folder = tmp_path_factory.mktemp("files")
    draw_video(folder / "part.ts", "balloon", 6, size=(96, 64))
    part = (folder / "part.ts").read_bytes()
    (folder / "joined.ts").write_bytes(part + part)
    return folder


def as_before(store: Store) -> None:
    """Make the store as an earlier version left it: too short, by a rule without a version."""
    (record,) = records_in(store.root)
    assert record.length is not None
    old = msgspec.structs.replace(
        record.length, numerator=6, denominator=1, recordings=1, version=1, decoder=None
    )
    shutil.rmtree(store.root / "record")
    # Scans, cuts and clips were under other keys.
    shutil.rmtree(store.root / "clips", ignore_errors=True)
    store.write_record(store.record(record.video_key), sections_of(fetch=record.fetch, length=old))


def test_a_store_made_before_gives_the_new_verdict_without_a_download(files: Path, tmp_path: Path):
    with VideoServer(files) as server:
        context = context_in(tmp_path, keep=Keep.ALL)
        one = found(server, "joined.ts", "balloon")
        (verdict,) = apply_steps(context, Listed(one), STEPS).verdicts
        assert (verdict.outcome, verdict.duration) == (Outcome.KEPT, 12)
        assert verdict.clips == 2
        as_before(context.store)
        requests = len(server.requests())
        (again,) = apply_steps(context, Listed(one), STEPS).verdicts
        assert again == verdict
        assert len(server.requests()) == requests


def put(store: Store, video_key: str, sections: dict[str, bytes]) -> None:
    store.write_record(store.record(video_key), sections)


@pytest.mark.parametrize("kind", ["scan", "length"])
def test_only_another_decoder_looks_again_at_what_could_not_be_decoded(
    files: Path, tmp_path: Path, kind: str
):
    with VideoServer(files) as server:
        context = context_in(tmp_path, keep=Keep.ALL)
        one = found(server, "joined.ts", "balloon")
        apply_steps(context, Listed(one), STEPS)
        (((key, section), known),) = sections_in(context.store.root, kind).items()
        failed = known[:-1] + b',"reason":"undecodable","error":"damaged"}'
        put(context.store, key, {section: failed})
        seen = frames_classified()
        (verdict,) = apply_steps(context, Listed(one), STEPS).verdicts
        assert verdict.reason is Reason.UNDECODABLE
        assert frames_classified() == seen
        other = json.loads(failed) | {"decoder": "1 0.0.0"}
        put(context.store, key, {section: json.dumps(other).encode()})
        (verdict,) = apply_steps(context, Listed(one), STEPS).verdicts
        assert verdict.outcome is Outcome.KEPT
