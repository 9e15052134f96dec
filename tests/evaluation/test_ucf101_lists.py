"""UCF-101's lists: what they may say, and what is said of those that are wrong."""

from pathlib import Path

import pytest

from tests.evaluation.made_ucf import write_lists
from videonet.errors import UsageError
from videonet.evaluation.ucf101_lists import WHOLE, Listed, Split, present, read_classes, read_split

TRAIN = [
    "Archery/v_Archery_g08_c01.avi",
    "Archery/v_Archery_g08_c02.avi",
    "HandstandPushups/v_HandStandPushups_g09_c01.avi",
]
TEST = ["HandstandPushups/v_HandStandPushups_g01_c01.avi"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Lists with the line ends of UCF-101, and files that nobody opens."""
    write_lists(tmp_path, ["Archery", "HandstandPushups"], TRAIN, TEST)
    for name in (*TRAIN, *TEST):
        (tmp_path / "UCF-101" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "UCF-101" / name).touch()
    return tmp_path


def read(root: Path, *, partial: bool = False) -> Split:
    return present(root, read_split(root, 1, read_classes(root)), partial=partial)


def edit(root: Path, name: str, old: str, new: str) -> None:
    file = root / "ucfTrainTestlist" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_classes_groups_and_videos_are_those_of_the_lists(root):
    assert read_classes(root) == ["Archery", "HandstandPushups"]
    train, test = read(root)
    assert train[1] == Listed("Archery/v_Archery_g08_c02.avi", 0, "Archery g08")
    # The files of this class have another capital than their folder.
    assert test == [Listed(TEST[0], 1, "HandstandPushups g01")]


def test_the_three_splits_have_all_videos_each():
    assert [sum(counts) for counts in WHOLE.values()] == [13_320] * 3
    # Each video tests in less than one of them: 11,213 of them do.
    assert sum(test for _, test in WHOLE.values()) == 11_213


def test_a_group_that_trains_and_tests_is_refused(root):
    edit(root, "testlist01.txt", "g01", "g09")
    with pytest.raises(UsageError, match="both have videos of HandstandPushups g09, which are cut"):
        read(root)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("trainlist01.txt", ".avi 2", ".avi 1", "g09_c01.avi 1', where a video and the number of"),
        ("trainlist01.txt", "Archery/v", "Bowling/v", "has 'Bowling/v_Archery_g08_c01.avi 1'"),
        ("trainlist01.txt", "_g08_c01", "", "has 'Archery/v_Archery.avi 1', where"),
        ("trainlist01.txt", "Archery/v", "../v", "has '../v_Archery_g08_c01.avi 1', where"),
        ("trainlist01.txt", "g08_c02", "g08_c01", "should name videos, each once; it has 3"),
        ("classInd.txt", "2 ", "3 ", "as line 2, where its number and a class should be"),
        ("classInd.txt", "HandstandPushups", "Archery", "two at least and each once"),
    ],
)
def test_a_wrong_list_is_a_sentence(root, name, old, new, said):
    edit(root, name, old, new)
    with pytest.raises(UsageError) as caught:
        read(root)
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_lists_of_detection_or_none_at_all_are_a_sentence(root):
    file = root / "ucfTrainTestlist" / "testlist01.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"testlist01.txt cannot be read \(it is no text\)"):
        read(root)
    file.write_text("\n\n")
    with pytest.raises(UsageError, match="should name videos, each once; it has 0"):
        read(root)
    file.unlink()
    with pytest.raises(UsageError, match=r"testlist01.txt cannot be read \(No such file"):
        read(root)
    (root / "ucfTrainTestlist").rename(root / "lists")
    with pytest.raises(UsageError, match=r"UCF-101 has no folder .*ucfTrainTestlist; below --data"):
        read(root)


def test_a_missing_video_stops_it_unless_a_part_will_do(root):
    (root / "UCF-101" / TRAIN[1]).unlink()
    with pytest.raises(UsageError, match=r"1 of 4 videos are missing, .*g08_c02\.avi; give"):
        read(root)
    assert [each.name for each in read(root, partial=True).train] == [TRAIN[0], TRAIN[2]]
    (root / "UCF-101" / TEST[0]).unlink()
    with pytest.raises(UsageError, match="has 2 videos that train and 0 that test of those in"):
        read(root, partial=True)
