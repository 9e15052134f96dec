from pathlib import Path

import pytest

from videonet.errors import UsageError
from videonet.targets.class_list import Names, Noun, Synset, Wnid, read_class_list


@pytest.fixture
def read(tmp_path: Path):
    def write_and_read(text: str):
        path = tmp_path / "classes.txt"
        path.write_text(text, "utf-8")
        return read_class_list(path)

    return write_and_read


def test_a_line_is_a_wnid_a_synset_a_noun_or_names(read) -> None:
    assert read("n02084071\ndog.n.01\ngreat white shark\nhot dog: frankfurter, wiener") == {
        1: Wnid("n02084071"),
        2: Synset("dog.n.01"),
        3: Noun("great white shark"),
        4: Names("hot dog", ("frankfurter", "wiener")),
    }


@pytest.mark.parametrize(
    "line",
    [
        "n01440764 tench, Tinca tinca",
        "n01440764\ttench, Tinca tinca",
        "n01440764: tench, Tinca tinca",
        "n01440764,tench,Tinca tinca",
        "n01440764   tench,  Tinca_tinca , Tench!",
    ],
)
def test_names_may_follow_a_wnid(read, line: str) -> None:
    assert read(line) == {1: Wnid("n01440764", ("tench", "Tinca tinca"))}


@pytest.mark.parametrize("line", ["n01440764:", "n01440764 ,", "n01440764  # tench"])
def test_a_wnid_without_names_has_those_of_wordnet(read, line: str) -> None:
    assert read(line) == {1: Wnid("n01440764")}


@pytest.mark.parametrize("line", ["n014407641 tench", "n0144076 tench", "n01440764x tench"])
def test_what_only_looks_like_a_wnid_is_a_noun(read, line: str) -> None:
    assert read(line) == {1: Noun(line)}


def test_blank_lines_and_comments_are_left_out_and_still_counted(read) -> None:
    assert read("# mine\n\ndog  # 118 breeds\n   \ncat") == {3: Noun("dog"), 5: Noun("cat")}


def test_a_hash_within_a_word_begins_no_comment(read) -> None:
    assert read("C#: C sharp") == {1: Names("C#", ("C sharp",))}


def test_a_byte_order_mark_is_no_part_of_the_first_name(read) -> None:
    assert read("\ufeffdog") == {1: Noun("dog")}


def test_synonyms_that_no_title_can_tell_apart_are_one(read) -> None:
    assert read("T-shirt: t shirt, tee, Tee!, , tee shirt") == {
        1: Names("T-shirt", ("tee", "tee shirt"))
    }


def test_a_name_may_stand_without_synonyms(read) -> None:
    assert read("red circle:") == {1: Names("red circle", ())}


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_a_list_without_a_class_is_refused(read, text: str) -> None:
    with pytest.raises(UsageError, match="names no class; expected one a line"):
        read(text)


@pytest.mark.parametrize("line", [": dog", "!?", "\N{DOG FACE}"])
def test_a_line_without_a_name_is_refused_by_its_number(read, line: str) -> None:
    with pytest.raises(UsageError, match=r"line 2 of .*classes\.txt names no class"):
        read(f"dog\n{line}")


def test_a_list_that_does_not_exist_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"missing\.txt cannot be read.*expected imagenet1k, .* or"
    ):
        read_class_list(tmp_path / "missing.txt")


def test_a_list_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin1.txt"
    path.write_bytes("Löwe".encode("latin-1"))
    with pytest.raises(UsageError, match="UTF-8"):
        read_class_list(path)
