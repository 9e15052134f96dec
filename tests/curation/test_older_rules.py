"""What a store has from earlier rules is not believed; nothing that is here is fetched again."""

import json
import shutil
from pathlib import Path

import pytest

from demo.drawing import draw_video
from demo.server import VideoServer
from tests.curating import frames_classified
from tests.curation.test_apply_steps import context_in, found
from videonet.curation.apply_steps import apply_steps
from videonet.curation.steps import STEPS
from videonet.schemas.fetch import Length
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
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
    (record,) = (store.root / "length").rglob("*.json")
    old = json.loads(record.read_bytes()) | {"numerator": 6, "denominator": 1}
    for name in ("recordings", "version", "decoder"):
        del old[name]
    record.write_text(json.dumps(old))
    assert Length.from_json(record.read_bytes()).version == 1
    for kind in ("scan", "cut", "clips"):
        # They were under other keys.
        shutil.rmtree(store.root / kind, ignore_errors=True)


def test_a_store_made_before_gives_the_new_verdict_without_a_download(files: Path, tmp_path: Path):
    with VideoServer(files) as server:
        context = context_in(tmp_path, keep=Keep.ALL)
        one = found(server, "joined.ts", "balloon")
        (verdict,) = apply_steps(context, one, STEPS).verdicts
        assert (verdict.outcome, verdict.duration) == (Outcome.KEPT, 12)
        assert verdict.clips == 2
        as_before(context.store)
        requests = len(server.requests())
        (again,) = apply_steps(context, one, STEPS).verdicts
        assert again == verdict
        assert len(server.requests()) == requests


@pytest.mark.parametrize("kind", ["scan", "length"])
def test_only_another_decoder_looks_again_at_what_could_not_be_decoded(
    files: Path, tmp_path: Path, kind: str
):
    with VideoServer(files) as server:
        context = context_in(tmp_path, keep=Keep.ALL)
        one = found(server, "joined.ts", "balloon")
        apply_steps(context, one, STEPS)
        (record,) = (context.store.root / kind).rglob("*.json")
        known = json.loads(record.read_bytes()) | {"reason": "undecodable", "error": "damaged"}
        record.write_text(json.dumps(known))
        seen = frames_classified()
        (verdict,) = apply_steps(context, one, STEPS).verdicts
        assert verdict.reason is Reason.UNDECODABLE
        assert frames_classified() == seen
        record.write_text(json.dumps(known | {"decoder": "1 0.0.0"}))
        (verdict,) = apply_steps(context, one, STEPS).verdicts
        assert verdict.outcome is Outcome.KEPT
