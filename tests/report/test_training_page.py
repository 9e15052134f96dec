"""`videonet report TRAINING`: one page of what a training left, whatever state that is in."""

import re
import subprocess
import sys

import msgspec
import pytest

from tests.curated import sentence, videonet
from tests.report.made_up_training import (
    DATA,
    LEARNED,
    STEPS,
    session,
    step_line,
    usual_lines,
    write_training,
)
from videonet.errors import UsageError
from videonet.report.training_page.attention import MOST
from videonet.report.training_page.facts import TrainingFacts, facts_of, is_training
from videonet.report.training_page.render import render_training
from videonet.training.log_lines import LOG, EvaluationLine
from videonet.training.session import NOTE

HOSTILE = "</style><script>alert(1)</script>\x1b[31m\u202e&quot;"


def sizes(facts: TrainingFacts) -> dict[str, str]:
    return {each.name: each.value for each in facts.sizes}


def test_the_command_writes_one_page_and_says_the_most_important_in_a_few_lines(tmp_path):
    run = write_training(tmp_path / "run", usual_lines(), [session(end="finished")])
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    ended = videonet("report", run)
    assert (ended.code, ended.stderr) == (0, "")
    page = run / "report" / "index.html"
    assert ended.stdout.splitlines() == [
        str(page),
        "VITO with test_resnet: 600 steps of 64 clips on moving_objects; the loss was 29.67 at "
        "step 10 and is 10 at step 600.",
        "It learned: a frame finds another moment of its video in 45% of 100 held-out videos, "
        "where the untrained network does in 12% and chance in 1.0%.",
    ]
    after = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    assert after == before | {page: page.read_bytes()}
    assert str(tmp_path) not in page.read_text("utf-8")
    # The same log is the same page, to the byte.
    assert render_training(facts_of(run)).encode() == page.read_bytes()


def test_it_says_what_was_trained_on_what_how_fast_and_how_often_it_was_interrupted(tmp_path):
    sessions = [
        session(end="interrupted", until=250),
        session(250, end="failed", said="RUN/checkpoints cannot be written."),
        session(300, end="finished", ranks=2, device="NVIDIA H100"),
    ]
    run = write_training(
        tmp_path / "run", usual_lines(), sessions, settings=["train.seed=7", "data.held_out=0.2"]
    )
    (run / "checkpoints" / "step-00000600.pt").write_bytes(bytes(2_000_000))
    (run / "checkpoints" / ".step-00000600.pt.x.tmp").write_bytes(b"half")
    facts = facts_of(run)
    assert (facts.title, facts.state) == ("VITO with test_resnet", "finished")
    # 600 steps of 64 clips of three images, 1.5 s each, of which 0.3 s are waiting.
    assert sizes(facts) == {
        "steps": "600",
        "images": "115,200",
        "videos": "623",
        "images_per_second": "128",
        "waiting": "20 %",
        "seconds": "15 min",
    }
    assert dict(facts.trained_on) == {
        "data set": DATA.dataset,
        "manifest sha256": DATA.manifest_sha256,
        "videos": "623 trained on, 177 held out",
        "clips": "700 trained on, 200 held out",
        "damaged": "0 damaged clips had another one in place; training stops at more than 0",
    }
    assert facts.settings.nearest == "vito_tiny"
    assert [tuple(each) for each in facts.settings.differing] == [
        ("data.held_out", "0.2", "0.0"),
        ("train.seed", "7", "0"),
    ]
    assert [(each.after, each.until, each.end, each.where) for each in facts.sessions] == [
        ("0", "250", "interrupted", "CPU"),
        ("250", "", "failed: RUN/checkpoints cannot be written.", "CPU"),
        ("300", "600", "finished", "2 x NVIDIA H100"),
    ]
    assert [tuple(each) for each in facts.checkpoints] == [(600, "2.0 MB")]
    assert dict(facts.versions) == {"torch": "2.14.1", "timm": "1.0.31"}
    assert [each.name for each in facts.learning] == ["loss", "learning_rate", "target_momentum"]
    assert [each.name for each in facts.speed] == ["images_per_second", "waiting"]
    (retrieval,) = facts.asked
    assert [(each.label, each.last) for each in retrieval.curves] == [
        ("same_video", "70 % (step 600)"),
        ("same_class", "30 % (step 600)"),
    ]
    found = {each.name: dict(each.numbers) for each in facts.found}
    assert found["retrieval"] == {"same_video": "70 %", "same_class": "30 %", "left_out": "2"}


def test_other_trainings_are_called_by_their_method(tmp_path):
    settings = ["views.sampling=same", "pooling.kind=average"]
    facts = facts_of(write_training(tmp_path / "run", [], settings=settings))
    assert facts.title == "MoCLR with test_resnet"
    assert facts.no_picture == "There is none: the features are averaged, without attention."


def test_while_it_goes_on_the_page_has_what_is_written_by_then(tmp_path):
    run = write_training(tmp_path / "run", usual_lines(250), [session()])
    with (run / LOG).open("ab") as log:
        log.write(msgspec.json.encode(step_line(260))[:-20])
    facts = facts_of(run)
    assert facts.state == "250 of 600 steps, running"
    assert facts.learned == "Whether it learned is asked at its end."
    assert facts.notices == ()


def test_one_that_was_interrupted_between_two_lines_of_its_log_is_as_far_as_it_got(tmp_path):
    sessions = [session(end="interrupted", until=256)]
    facts = facts_of(write_training(tmp_path / "run", usual_lines(250), sessions))
    assert facts.state == "256 of 600 steps, interrupted"
    assert (sizes(facts)["steps"], sizes(facts)["images_per_second"]) == ("256", "128")


def test_one_that_was_killed_is_told_from_one_that_goes_on(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", "from videonet.files import process_name; print(process_name())"],
        capture_output=True,
        text=True,
        check=True,
    )
    killed = session(process=ended.stdout.strip())
    run = write_training(tmp_path / "killed", usual_lines(100), [killed])
    assert facts_of(run).state == "100 of 600 steps, killed"
    # Nobody can tell of another machine, but where another session came after.
    sessions = [session(process="elsewhere"), session(50, process="elsewhere")]
    facts = facts_of(write_training(tmp_path / "away", usual_lines(100), sessions))
    assert facts.state == "100 of 600 steps, running elsewhere, or killed"
    assert [each.end for each in facts.sessions] == ["killed", "running elsewhere, or killed"]


@pytest.mark.parametrize("log", ["empty", "absent"])
def test_one_that_died_at_once_has_a_page(tmp_path, log):
    failed = session(end="failed", said="The loss is nan at step 1, so training cannot go on.")
    run = write_training(tmp_path / "run", [], [failed])
    if log == "absent":
        (run / LOG).unlink()
    facts = facts_of(run)
    assert facts.state == f"0 of 600 steps, failed: {failed.said}"
    assert "no loss was written down yet: a line comes every 10 steps" in facts.summary
    assert (facts.learning, facts.speed) == ((), ())
    assert "The log has no step yet." in render_training(facts)


def test_what_an_earlier_version_left_has_a_page_without_what_it_did_not_note(tmp_path):
    run = write_training(tmp_path / "run", usual_lines())
    (run / NOTE).unlink()
    with (run / LOG).open("ab") as log:
        values = {name: LEARNED[name] for name in ("same_video", "untrained", "chance", "videos")}
        log.write(msgspec.json.encode(EvaluationLine(STEPS, "learned", values)) + b"\n")
    facts = facts_of(run)
    assert facts.state == "finished"
    assert facts.learned.startswith("An earlier version asked whether it learned")
    (said,) = facts.notices
    assert said.startswith("An earlier version made this training")
    render_training(facts)


def test_too_few_videos_to_tell_whether_it_learned_are_said_to_be_too_few(tmp_path):
    few = msgspec.structs.replace(DATA, videos=7, held_out=0)
    lines = [step_line(STEPS)]
    run = write_training(tmp_path / "run", lines, [session(end="finished")], data=few)
    assert facts_of(run).learned == (
        "Whether it learned cannot be told by 7 videos: at least 10 are needed."
    )


def test_losses_that_are_no_numbers_and_lines_of_others_are_counted_and_said(tmp_path):
    lines = [*usual_lines(100), step_line(110, loss=float("nan")), step_line(120)]
    run = write_training(tmp_path / "run", lines, [session()])
    log = (run / LOG).read_bytes()
    (run / LOG).write_bytes(b"what is this\n" + log.replace(b"null", b"NaN"))
    facts = facts_of(run)
    assert facts.notices == (
        "1 line of log.jsonl cannot be read, and nothing of them is here.",
        "The loss is no number in 1 line, the first after step 110: what was learned after that "
        "is lost.",
    )
    (note,) = facts.learning[0].notes
    assert note == "loss: no number that can be drawn in 1 line, the first after step 110."


def test_evaluations_that_failed_say_why(tmp_path):
    lines = [EvaluationLine(step, "probe", {}, "no memory") for step in (10, 20)]
    (found,) = facts_of(write_training(tmp_path / "run", lines)).found
    assert (found.name, found.step, found.numbers) == ("probe", 20, ())
    assert found.failed == "failed 2 times, last: no memory"


def test_evaluations_of_ones_own_need_be_no_shares_and_more_than_fit_are_not_shown(tmp_path):
    lines = [EvaluationLine(10, f"own {index}", {"perplexity": 35.5}) for index in range(30)]
    facts = facts_of(write_training(tmp_path / "run", lines))
    assert facts.asked[0].curves[0].last == "35.5 (step 10)"
    assert (len(facts.asked), len(facts.found)) == (16, 16)
    assert facts.notices == ("There are more evaluations in the log than are shown here.",)


def test_hostile_texts_stay_texts(tmp_path):
    lines = [step_line(10), EvaluationLine(10, HOSTILE, {HOSTILE: {HOSTILE: 0.5}, "x": HOSTILE})]
    lines += [EvaluationLine(20, HOSTILE, {}, HOSTILE)]
    data = msgspec.structs.replace(DATA, dataset=HOSTILE)
    broken = session(end="failed", said=HOSTILE, device=HOSTILE, versions={HOSTILE: HOSTILE})
    run = write_training(tmp_path / "run", lines, [broken], data=data)
    page = render_training(facts_of(run))
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert not set("\x1b\u202e") & set(page)
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("value", [10**18, 1e99, -1e99, 5e-324, 0.0, 1e-300])
def test_numbers_of_any_size_are_drawn_within_the_drawing(tmp_path, value):
    lines = [step_line(10, loss=value, seconds=value or 1.0), step_line(10**12, loss=1.0)]
    facts = facts_of(write_training(tmp_path / "run", lines))
    for chart in (*facts.learning, *facts.speed):
        for curve in chart.curves:
            numbers = [float(each) for each in re.split("[ ,]", curve.points)]
            assert all(0 <= each <= 1000 for each in numbers)
        assert len(chart.y_ticks) <= 12
    render_training(facts)


def test_steps_and_seconds_beyond_all_trainings_are_no_traceback(tmp_path):
    impossible = step_line(10**17 - 1, seconds=1e300)
    run = write_training(
        tmp_path / "run", [step_line(10), impossible, step_line(20, seconds=1e300)]
    )
    facts = facts_of(run)
    assert facts.state.startswith("20 of 600 steps")
    assert facts.notices[0].startswith("1 line of log.jsonl cannot be read")
    render_training(facts)


def test_of_many_pictures_some_are_shown_from_the_first_to_the_last(tmp_path):
    run = write_training(tmp_path / "run", [], pictures=range(10, 1010, 10))
    (run / "pictures" / "attention-00001000.png").write_bytes(b"\x89PNG\r\n\x1a\nhalf")
    (run / "pictures" / "attention-x.png").write_bytes(b"")
    shown = facts_of(run).attention
    steps = [each.step for each in shown.pictures]
    assert (len(steps), steps[0], steps == sorted(steps)) == (MOST - 1, 10, True)
    assert (shown.count, shown.broken) == (100, ("attention-00001000.png",))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.toml", b"\x00"),
        ("config.toml", b"[train]\nepochs = 'many'\n"),
        ("config.toml", b"[else]\nx = 1\n"),
        (NOTE, b"{"),
    ],
)
def test_what_is_damaged_or_of_others_is_told_in_a_sentence(tmp_path, file, content):
    run = write_training(tmp_path / "run", usual_lines(10))
    (run / file).write_bytes(content)
    with pytest.raises(UsageError):
        facts_of(run)
    assert not (run / "report").exists()


def test_a_training_is_told_from_a_data_set_by_what_the_folder_holds(tmp_path):
    run = write_training(tmp_path / "run", [])
    assert is_training(run)
    assert not is_training(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.toml").write_text("")
    assert "no training" in sentence(videonet("report", tmp_path / "other"))
    assert not (tmp_path / "other" / "report").exists()
    assert "leave --store out" in sentence(videonet("report", run, "--store", tmp_path))
    (run / "manifest.json").write_text("{}")
    said = sentence(videonet("report", run))
    assert "holds a data set (manifest.json) and a training (config.toml)" in said


def test_it_takes_no_pytorch():
    asked = "import sys; import videonet.report.training_page.render; print('torch' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "False"


@pytest.mark.slow
def test_of_a_long_log_the_page_is_bounded_and_no_extreme_is_lost(tmp_path):
    lines = 200_000
    run = write_training(tmp_path / "run", [])
    high = lines // 2
    with (run / LOG).open("wb") as log:
        for step in range(1, lines + 1):
            loss = 1e3 if step == high else 2.0
            log.write(
                b'{"kind":"step","step":%d,"loss":%g,"learning_rate":0.1,"target_momentum":0.9,'
                b'"seconds":1.0,"seconds_waiting":0.5,"images_per_second":192.0}\n' % (step, loss)
            )
    facts = facts_of(run)
    loss = facts.learning[0]
    assert loss.curves[0].highest == f"1,000 (step {high:,})"
    assert loss.notes == (
        "Thinned: of each 1,024 steps, the first, last, lowest and highest point are drawn.",
    )
    assert len(render_training(facts)) < 400_000
