"""compare: which results stand side by side, what is called a difference, and what is not shown."""

import html
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.curated import sentence, videonet
from tests.evaluation.written import DAVIS, in_training, result, with_numbers
from videonet.errors import UsageError
from videonet.evaluation import paper
from videonet.evaluation.comparison import compare, is_better, marks_of
from videonet.evaluation.comparison_text import markdown, paper_lines
from videonet.evaluation.page.render import render
from videonet.evaluation.result import Value, read
from videonet.training.config import AFTER_VIVI


def value(low: float, middle: float, high: float) -> Value:
    return Value(value=middle, low=low, high=high)


def test_a_difference_within_the_intervals_is_none():
    assert is_better(value(0.6, 0.65, 0.7), value(0.4, 0.5, 0.59), less=False)
    assert not is_better(value(0.6, 0.65, 0.7), value(0.5, 0.55, 0.61), less=False)
    assert is_better(value(0.1, 0.15, 0.2), value(0.3, 0.35, 0.4), less=True)
    assert not is_better(value(0.6, 0.65, 0.7), Value(value=0.1), less=False)


def test_the_best_is_better_than_all_others(tmp_path):
    runs = [
        in_training(tmp_path / "a", with_numbers(J=(0.7, 0.66, 0.74), F=(0.70, 0.6, 0.8))),
        in_training(tmp_path / "b", with_numbers(J=(0.6, 0.55, 0.65), F=(0.60, 0.5, 0.7))),
        in_training(tmp_path / "c", with_numbers(J=(0.5, 0.45, 0.55), F=(0.50, 0.4, 0.6))),
    ]
    j, f = compare(runs, with_paper=False).rows
    assert [each.is_best for each in j.cells] == [True, False, False]
    assert [each.is_best for each in f.cells] == [False, False, False]
    assert (j.metric, f.metric, j.marks) == ("J", "F", ())


def test_the_papers_numbers_are_marks_and_those_of_other_architectures_are_named(tmp_path):
    run = in_training(tmp_path / "a", result())
    row, _ = compare([run], with_paper=True).rows
    assert [(each.label, each.value, each.is_alike) for each in row.marks] == [
        ("VITO, paper", pytest.approx(0.655), True),
        ("supervised, paper", pytest.approx(0.637), True),
        ("MoCLR, paper", pytest.approx(0.631), True),
    ]
    facts = msgspec.structs.replace(result().model, architecture="resnet18.a1_in1k")
    other = in_training(tmp_path / "b", result(model=facts))
    row, _ = compare([other], with_paper=True).rows
    labels = [(each.label, each.is_alike) for each in row.marks]
    assert labels[0] == ("VITO, paper (resnet50)", False)


def test_a_training_after_vivi_says_so_and_stands_beside_no_number_of_vivi(tmp_path):
    facts = msgspec.structs.replace(result().model, after=AFTER_VIVI)
    # Of this evaluation the paper prints a number of VIVI.
    assert "VIVI" in {each.model for each in paper.of("imagenet_a")}
    protocol = msgspec.structs.replace(DAVIS, name="imagenet-a", main=("top1",))
    given = result(
        evaluation="imagenet_a",
        protocol=protocol,
        model=facts,
        numbers={"top1": Value(value=0.01, low=0.0, high=0.02)},
    )
    for with_paper in (True, False):
        found = compare([in_training(tmp_path / "mine", given)], with_paper=with_paper)
        assert not [mark for row in found.rows for mark in row.marks if "VIVI" in mark.label]
        said = f"mine is {AFTER_VIVI}: no reproduction"
        assert AFTER_VIVI == "after VIVI's published introduction; nine assumptions"
        assert any(line.startswith(said) for line in paper_lines(found))
        assert said in markdown(found)
        assert said in html.unescape(render(found))


def test_results_on_a_part_and_of_an_older_checkpoint_are_left_out_and_named(tmp_path):
    part = msgspec.structs.replace(result().data, partial=True)
    older = msgspec.structs.replace(result().model, sha256="d" * 64)
    run = in_training(
        tmp_path / "a",
        result(),
        result(evaluation="imagenet_a", data=part),
        result(evaluation="human", model=older, created="2025-01-01T00:00:00+00:00"),
    )
    found = compare([run], with_paper=False)
    assert {row.evaluation for row in found.rows} == {"davis2017"}
    assert found.left_out == (
        "a on imagenet_a: it is on a part of the data.",
        "a on human: it is of another checkpoint than the newest result.",
    )


def test_protocols_of_other_names_do_not_stand_in_one_row(tmp_path):
    other = msgspec.structs.replace(DAVIS, name="davis2017-other")
    runs = [
        in_training(tmp_path / "a", result()),
        in_training(tmp_path / "b", result(protocol=other)),
    ]
    rows = compare(runs, with_paper=False).rows
    assert [(row.protocol, [each is not None for each in row.cells]) for row in rows[::2]] == [
        ("davis2017-other", [False, True]),
        ("davis2017-vfs", [True, False]),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"settings": {"short_side": 240}}, "results of davis2017 are of different settings"),
        (
            {"data": msgspec.structs.replace(result().data, fingerprint="e" * 64)},
            "results of davis2017 are of data sets that differ",
        ),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(tmp_path, change, said):
    runs = [in_training(tmp_path / "a", result()), in_training(tmp_path / "b", result(**change))]
    with pytest.raises(UsageError, match=said):
        compare(runs, with_paper=False)


def test_settings_that_are_not_the_protocols_are_named(tmp_path):
    changed = {"settings": {"short_side": 32}, "changed": {"short_side": 32}}
    one = in_training(tmp_path / "one", result(**changed))
    other = in_training(tmp_path / "other", result(**changed))
    said = "davis2017, settings that are not the protocol's: short_side = 32."
    for name in ("page.html", "table.md"):
        ended = videonet("compare", one, other, "--out", tmp_path / name)
        assert said in ended.stdout
        assert "davis2017: J (davis2017-vfs, other" in ended.stdout
        text = html.unescape((tmp_path / name).read_text())
        assert text.count(said) == 1
        assert text.count("davis2017-vfs, other settings") >= 2


def test_a_result_of_before_this_was_said_is_read(tmp_path):
    file = in_training(tmp_path / "one", result()) / "evaluations" / "davis2017.json"
    whole = json.loads(file.read_text())
    assert whole.pop("changed") == {}
    file.write_text(json.dumps(whole))
    assert read(file) == result()


def test_folders_of_the_same_name_are_told_apart(tmp_path):
    runs = [in_training(tmp_path / each / "run", result()) for each in "ab"]
    names = [each.name for each in compare(runs, with_paper=False).columns]
    assert names == ["a/run", "b/run"]
    with pytest.raises(UsageError, match="named twice"):
        compare([runs[0], runs[0]], with_paper=False)


def test_every_protocol_that_is_not_the_papers_is_hollow(tmp_path):
    confirmed = msgspec.structs.replace(DAVIS, mark="paper")
    runs = [
        in_training(tmp_path / "a", result()),
        in_training(tmp_path / "b", result(protocol=confirmed)),
    ]
    row, _ = compare(runs, with_paper=False).rows
    assert [each.is_paper for each in row.cells] == [False, True]


def test_the_command_shows_a_table_and_writes_markdown_and_a_page(tmp_path):
    runs = [
        in_training(tmp_path / "a", with_numbers(J=(0.7, 0.66, 0.74), F=(0.7, 0.6, 0.8))),
        in_training(tmp_path / "b", with_numbers(J=(0.6, 0.55, 0.65), F=(0.6, 0.5, 0.7))),
    ]
    for name in ("page.html", "table.md"):
        ended = videonet("compare", *runs, "--paper", "--out", tmp_path / name)
        assert ended.code == 0, ended.stderr
        first, *rest = ended.stdout.splitlines()
        assert first.startswith("No protocol here is confirmed as the paper's")
        assert any("70.0 (66.0 to 74.0)" in line for line in rest)
        assert "paper, davis2017: J   VITO 65.5, supervised 63.7, MoCLR 63.1" in rest
    written = (tmp_path / "table.md").read_text()
    assert "**70.0 (66.0 to 74.0)**" in written
    assert "12,288,000" in written
    assert "- davis2017-vfs (published stand-in): Something is assumed." in written


def test_nothing_of_a_stranger_is_markup(tmp_path):
    facts = msgspec.structs.replace(result().model, architecture="<b>x</b>|")
    evil = msgspec.structs.replace(DAVIS, name="<img src=x onerror=alert(1)>")
    run = in_training(tmp_path / "<script>alert(1)<", result(model=facts, protocol=evil))
    comparison = compare([run], with_paper=True)
    page = render(comparison)
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>" not in page
    text = markdown(comparison)
    assert "&lt;b>x&lt;/b>\\|" in text
    assert "<img" not in text


def test_equal_results_are_equal_pages(tmp_path):
    runs = [in_training(tmp_path / each, result()) for each in "ab"]
    pages = {render(compare(runs, with_paper=True)) for _ in range(2)}
    assert len(pages) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nothing"], "There is no folder nothing; name trainings"),
        (["empty"], "empty has no results on whole data sets"),
        (["empty", "--out", "a.pdf"], "a.pdf does not end with .html or .md"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(elsewhere, given, said):
    Path("empty").mkdir()
    assert said in sentence(videonet("compare", *given))


def test_a_file_that_is_no_result_is_a_sentence(tmp_path):
    (tmp_path / "evaluations").mkdir()
    (tmp_path / "evaluations" / "a.json").write_text('{"evaluation": "davis2017"}')
    said = sentence(videonet("compare", tmp_path))
    assert "a.json is no result of `videonet evaluate`" in said


def test_results_are_compared_without_pytorch(tmp_path):
    run = in_training(tmp_path / "a", result())
    without = "import sys; sys.modules['torch'] = None; from videonet.cli import main; main()"
    command = [sys.executable, "-c", without, "compare", str(run)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_papers_numbers_are_shares_of_known_evaluations():
    numbers = paper.numbers()
    assert len(numbers) > 40
    assert all(0 < value < 1 for each in numbers for value in each.values)
    assert all(each.values or each.note for each in numbers)
    # As is said beside them.
    assert all(each.epochs is None for each in numbers)
    assert {each.model for each in numbers} >= set(paper.MARKED)
    assert paper.in_one_line("imagenet_a").startswith("VITO top1 5.4; supervised top1 2.2")


def test_a_number_of_the_paper_says_its_table_where_that_is_known_and_nothing_where_it_is_not():
    said = paper.in_one_line("human")
    assert "supervised (Table 3) first column 21.5, second column 51.1, third column 32.9" in said
    (known,) = [each for each in paper.of("davis2017") if (each.model, each.metric) == ("VFS", "J")]
    assert (known.data, known.epochs, known.table) == ("Kinetics-400", None, None)
    assert known.named(with_architecture=True) == "VFS (resnet50)"
    told = msgspec.structs.replace(known, epochs=300, table="B.1")
    assert told.named(with_architecture=False) == "VFS (300 epochs, Table B.1)"


def test_where_the_paper_contradicts_itself_is_said_beside_its_numbers(tmp_path):
    segmented = msgspec.structs.replace(DAVIS, name="a segmentation", main=("mIoU",))
    values = {"mIoU": value(0.7, 0.72, 0.74)}
    given = result(evaluation="pascal_voc", protocol=segmented, numbers=values)
    found = compare([in_training(tmp_path / "a", given)], with_paper=True)
    said = (
        "VITO on pascal-voc, mIoU: the paper prints another value as well, which was not at hand."
    )
    assert said in found.of_paper
    assert said in markdown(found)
    assert said in render(found)
    assert said in paper_lines(found)
    assert compare([tmp_path / "a"], with_paper=False).of_paper == ()
    assert "CycleCon accuracy (the paper prints two values" in paper.in_one_line("ucf101")


def test_each_of_several_values_of_the_paper_is_a_mark():
    (first, *_) = paper.of("davis2017")
    both = msgspec.structs.replace(first, values=(0.655, 0.66), table="1")
    assert [(each.label, each.value) for each in marks_of([both], {"resnet50"})] == [
        ("VITO, paper (Table 1)", 0.655),
        ("VITO, paper (Table 1)", 0.66),
    ]
