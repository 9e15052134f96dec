"""pictures: which videos are drawn for the contact sheets, and what is shown of them."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.curated import Curated, curated_once
from tests.curating import verdicts_of
from tests.report.written import SETTINGS, target, verdict, write
from videonet.report.inputs import open_input
from videonet.report.page.content import Picture
from videonet.report.pictures import Pictures, drawn_kept, pictures
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.video.thumbnails import HEIGHT, strip

# Strips show these frames, each in a shade of its own: the frame's index.
SHOWN = (0, 33, 66, 99)


@pytest.fixture
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def seen(number: int, target: int, *, kept: bool = True, best: int = 33) -> Verdict:
    """A verdict on a video that was looked up for a class, and shows it or the class after it."""
    return verdict(
        number,
        f"n{target}",
        None if kept else Reason.NO_TOP1_MATCH,
        frames_scanned=100,
        frames_matched=2 if kept else 0,
        first_match=min(5, best) if kept else None,
        best_match=best if kept else None,
        best_probability=0.75 if kept else None,
        seen=target if kept else target + 1,
        seen_frames=60,
        seen_probability=0.5,
    )


def out_of(
    folder: Path, rows: Sequence[Verdict], *, classes: int = 3, shards: int = 1
) -> DatasetDir:
    targets = [target(f"class {index}", target_id=f"n{index}") for index in range(classes)]
    labels = [f"thing {index}, stuff" for index in range(classes + 1)]
    return DatasetDir(write(folder, targets, rows, labels=labels, shards=shards))


def shown(output: DatasetDir, store: Store, limit: int = 300) -> Pictures:
    with open_input(output, SETTINGS) as given:
        return pictures(given, store, limit)


def keep_thumbnails(store: Store, verdicts: Sequence[Verdict]) -> None:
    shades = np.arange(100, dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(shades, (100, 64, 64, 3))
    for each in verdicts:
        store.write_thumbnail(each.video_key, strip(images, SHOWN))


def image(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture.jpeg)))


def test_of_a_small_data_set_all_kept_and_all_mistaken_videos_are_shown(curated: Curated):
    verdicts = {(each.video_key, each.target_id): each for each in verdicts_of(curated.out)}
    sheets = shown(DatasetDir(curated.out), Store(curated.store))
    expected = {pair for pair, each in verdicts.items() if each.outcome is Outcome.KEPT}
    assert {(each.video_key, each.target_id) for each in sheets.kept} == expected
    for each in sheets.kept:
        known = verdicts[each.video_key, each.target_id]
        # The strip has the matching frame of every class that a video was looked up for.
        assert (each.frame, each.is_match) == (known.best_match, True)
        assert each.probability == known.best_probability
        assert (each.first_match, each.matching) == (known.first_match, known.frames_matched)
        assert image(each).format == "JPEG"
        assert image(each).height <= HEIGHT
    (mistaken,) = sheets.rejected
    assert (mistaken.asked, mistaken.seen) == ("mushroom", "balloon")
    assert (mistaken.frame in range(100), mistaken.is_match) == (True, False)
    assert mistaken.reason == "no_top1_match"
    assert sheets.note == ""


def test_pictures_stand_in_the_order_of_the_class_list(tmp_path: Path, store: Store):
    rows = [seen(index, index % 3) for index in range(12)]
    keep_thumbnails(store, rows)
    sheets = shown(out_of(tmp_path / "out", rows), store)
    assert [each.target_id for each in sheets.kept] == ["n0"] * 4 + ["n1"] * 4 + ["n2"] * 4


@settings(max_examples=15)
@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=8), limit=st.integers(1, 30))
def test_those_drawn_are_as_many_as_may_be_and_of_all_classes_alike(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], limit: int
):
    rows = [
        seen(100 * target + index, target)
        for target, count in enumerate(counts)
        for index in range(count)
    ]
    output = out_of(tmp_path_factory.mktemp("drawn") / "out", rows, classes=len(counts))
    with open_input(output, SETTINGS) as given:
        drawn = drawn_kept(given, limit)
    assert drawn.of == sum(counts)
    assert len(drawn.verdicts) == min(limit, sum(counts))
    assert len(set(drawn.verdicts)) == len(drawn.verdicts)
    of_class = Counter(each.target_id for each in drawn.verdicts)
    most = max(of_class.values(), default=0)
    for place, count in enumerate(counts):
        # No class has two more than another that could have given another one.
        assert of_class[f"n{place}"] >= min(count, most - 1)


def test_the_same_are_drawn_however_the_verdicts_are_spread_over_files(
    tmp_path: Path, store: Store
):
    rows = [seen(index, index % 3, kept=index % 2 == 0) for index in range(40)]
    keep_thumbnails(store, rows)
    one = shown(out_of(tmp_path / "one", rows), store, limit=7)
    two = shown(out_of(tmp_path / "two", rows[25::-1] + rows[26:], shards=3), store, limit=7)
    assert len(one.kept) == len(one.rejected) == 7
    assert one == two
    assert one.note == (
        "Drawn by chance from all classes: 7 of 20 kept and 7 of 20 that show something else."
    )


@pytest.mark.parametrize(
    ("best", "frame", "is_match"), [(66, 66, True), (60, 66, False), (10, 0, False)]
)
def test_of_a_kept_video_the_matching_frame_is_shown_or_the_nearest(
    tmp_path: Path, store: Store, best: int, frame: int, is_match: bool
):
    rows = [seen(1, 0, best=best)]
    keep_thumbnails(store, rows)
    (picture,) = shown(out_of(tmp_path / "out", rows), store).kept
    assert (picture.frame, picture.is_match) == (frame, is_match)
    assert np.asarray(image(picture)).mean() == pytest.approx(frame, abs=2)
    assert (picture.seen, picture.probability) == ("thing 0", 0.75)


def test_of_a_rejected_video_it_is_said_what_was_seen(tmp_path: Path, store: Store):
    rows = [seen(1, 0, kept=False)]
    keep_thumbnails(store, rows)
    (picture,) = shown(out_of(tmp_path / "out", rows), store).rejected
    assert (picture.asked, picture.seen) == ("class 0", "thing 1")
    assert (picture.seen_frames, picture.frames, picture.probability) == (60, 100, 0.5)
    assert (picture.first_match, picture.matching, picture.is_match) == (None, 0, False)
    assert np.asarray(image(picture)).mean() == pytest.approx(picture.frame, abs=2)


def test_other_rejected_and_failed_videos_are_not_shown(tmp_path: Path, store: Store):
    rows = [
        verdict(1, "n0", Reason.TOO_SHORT, seen=0, frames_scanned=100, first_match=0),
        verdict(2, "n0", Reason.UNDECODABLE, seen=0, frames_scanned=100, first_match=0),
    ]
    keep_thumbnails(store, rows)
    assert shown(out_of(tmp_path / "out", rows), store) == Pictures((), (), "")


def test_missing_and_damaged_pictures_are_left_out_and_counted(tmp_path: Path, store: Store):
    rows = [seen(index, 0) for index in range(5)]
    keep_thumbnails(store, rows[:3])
    store.write_thumbnail(rows[0].video_key, b"no picture")
    sheets = shown(out_of(tmp_path / "out", rows), store)
    assert {each.video_id for each in sheets.kept} == {"id1", "id2"}
    assert sheets.note == "3 pictures are missing in the store."


def test_a_rebuilt_data_set_has_no_pictures_and_says_why(tmp_path: Path, store: Store):
    output = out_of(tmp_path / "out", [verdict(1, "n0", frames_matched=None)])
    settings = msgspec.structs.replace(SETTINGS, lock="00")
    with open_input(output, settings) as given:
        for place in (store, None):
            sheets = pictures(given, place)
            assert (sheets.kept, sheets.rejected) == ((), ())
            assert sheets.note.startswith("A rebuilt data set has no pictures: its videos were not")
