"""A run over rows that say odd things: each is a verdict of its own, and the others are kept."""

import json
from pathlib import Path

import pytest

from demo.server import VideoServer
from demo.videos import VIDEOS
from tests.curating import curate, outcomes_of
from videonet.schemas.reason import Outcome, Reason

VALLEY = next(each for each in VIDEOS if each.id == "valley")
TITLE = "A balloon"

# url of a row, and the reasons that are fitting
ODD: dict[str, tuple[object, set[Reason]]] = {
    "long": ("x" * 5_000, {Reason.BAD_ADDRESS, Reason.MISSING}),
    "deep": ("x/" * 2_500 + "a.mp4", {Reason.BAD_ADDRESS, Reason.MISSING}),
    "no address": ("n/a", {Reason.BAD_ADDRESS, Reason.MISSING}),
    "half a character": ("\ud83d", {Reason.BAD_ADDRESS, Reason.MISSING}),
    "a number": (7, {Reason.BAD_ADDRESS, Reason.MISSING}),
    "a list": (["https://example.org/a.mp4"], {Reason.BAD_ADDRESS, Reason.NOT_A_VIDEO}),
    "none": (None, {Reason.BAD_ADDRESS, Reason.NOT_A_VIDEO}),
    "ftp": ("ftp://example.org/a.mp4", {Reason.BAD_ADDRESS}),
    "script": ("javascript:alert(1)", {Reason.BAD_ADDRESS, Reason.MISSING}),
    "broken": ("ftp://[::1", {Reason.BAD_ADDRESS}),
}


@pytest.mark.parametrize("local", [pytest.param(True, marks=pytest.mark.slow), False])
def test_odd_rows_fail_by_themselves_and_the_others_are_kept(tmp_path: Path, local: bool):
    files = tmp_path / "files"
    files.mkdir()
    VALLEY.write(files)
    (tmp_path / "classes.txt").write_text("balloon: hot air balloon\n")
    rows = [{"id": name, "url": url, "title": TITLE} for name, (url, _) in ODD.items()]
    rows += [{"url": "n/a 2", "title": TITLE}, {"title": TITLE}, {"id": 7.5, "url": {}, "title": 1}]
    catalogue = tmp_path / "t.jsonl"
    root = files if local else None
    with VideoServer(files) as server:
        rows.insert(0, {"id": "valley", "url": server.url(VALLEY.path), "title": TITLE})
        catalogue.write_text("\n".join(map(json.dumps, rows)))
        given = {"files_root": str(root)} if root else {}
        curate(f"catalogue:{catalogue}", tmp_path / "classes.txt", tmp_path, **given)
    outcomes = {video: ended for (video, _), ended in outcomes_of(tmp_path / "out").items()}
    assert outcomes.pop("valley") == (Outcome.KEPT, None)
    assert set(outcomes) == {*ODD, "n/a 2", "row 13"}
    assert {ended for ended, _ in outcomes.values()} == {Outcome.FAILED}
    for name, (_, reasons) in ODD.items():
        assert outcomes[name][1] in reasons, (name, outcomes[name])
