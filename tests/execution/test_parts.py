"""A curation that commands do part by part: the bytes of one command, and clear words otherwise."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.server import VideoServer
from demo.world import World
from tests.curated import sentence
from tests.curating import bytes_of, few_of
from tests.execution.parting import Commands
from tests.patience import PATIENCE, wait_for
from tests.published import published
from videonet.curation.signs_of_life import SILENCE
from videonet.report.status import End, status_of
from videonet.storage.dataset_dir import DatasetDir


@pytest.fixture(scope="module")
def web(world: World) -> Iterator[VideoServer]:
    with world.serve() as web:
        yield web


@pytest.fixture(scope="module")
def few(world: World, web: VideoServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of eleven videos."""
    return few_of(world.catalogue, tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="module")
def alone(world: World, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of one command over them."""
    commands = Commands(world, few, tmp_path_factory.mktemp("alone"))
    commands.done(None)
    return commands.out


@pytest.fixture
def commands(world: World, few: Path, tmp_path: Path) -> Commands:
    return Commands(world, few, tmp_path)


def contents(folder: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


# What commands make together.


def test_list_parts_and_rest_make_the_data_set_of_one_command(
    commands: Commands, alone: Path, web: VideoServer
):
    asked = len(web.requests())
    ended = commands.videonet("list")
    assert ended.code == 0, ended
    assert "11 videos of 11 titles listed. Next: the same command with --part I/N" in ended.stdout
    assert len(web.requests()) == asked
    before = contents(commands.out)
    decided = 0
    for part in ("1/3", "2/3", "3/3"):
        ended = commands.videonet(part)
        assert ended.code == 0, ended
        assert f"Part {part} is done: of " in ended.stdout
        decided += sum(each.pairs for each in commands.told() if each.part == part)
    lookup = DatasetDir(commands.out).lookup()
    assert lookup is not None
    assert decided == lookup.pairs
    assert contents(commands.out) == before, "a part has changed OUT"
    asked = len(web.requests())
    commands.done(None)
    assert len(web.requests()) == asked, "what parts had done was done again"
    assert published(commands.out) == published(alone)
    assert not list(commands.store.list("clips"))
    facts, of_one = (json.loads((out / "run.json").read_bytes()) for out in (commands.out, alone))
    for stage, cost in of_one["stages"].items():
        assert facts["stages"][stage]["items"] == cost["items"], stage


def test_parts_that_were_left_out_are_done_by_the_last_command(commands: Commands, alone: Path):
    # Of another number than the one before: what is left may be divided anew at any time.
    commands.done("list", "1/2", "5/5", None)
    assert bytes_of(commands.out) == bytes_of(alone)


def test_a_part_that_is_given_again_does_nothing_twice_and_counts_once(
    commands: Commands, web: VideoServer
):
    commands.done("list", "1/1")
    asked, (first,) = len(web.requests()), [each for each in commands.told() if each.part]
    commands.done("1/1")
    assert len(web.requests()) == asked
    (again,) = [each for each in commands.told() if each.part]
    assert (again.kept, again.rejected, again.failed) == (first.kept, first.rejected, first.failed)
    assert status_of(commands.out).kept == first.kept
    assert status_of(commands.out).end is End.PARTS


def test_a_finished_data_set_is_listed_anew_before_it_has_parts(commands: Commands):
    commands.done("list", "1/1", None)
    before = published(commands.out)
    said = sentence(commands.videonet("1/4"))
    assert said.endswith("is finished; where something has changed since, --part list begins anew.")
    assert published(commands.out) == before
    # A video that failed may come another time.
    commands.done("list")
    assert not (commands.out / "manifest.json").exists()
    commands.done("2/2", "1/2", None)
    assert set(before) == set(published(commands.out))


# What is said.


@pytest.mark.parametrize("typed", ["0/4", "5/4", "1/0", "-1/4", "1", "1/4/2", "lists", "1/", ""])
def test_what_is_no_part_is_said(commands: Commands, typed: str):
    said = sentence(commands.videonet(typed))
    assert f"--part {typed} is no part; write I/N with I from 1 to N" in said
    assert not commands.out.exists()


def test_parts_are_for_runs_without_an_engine(commands: Commands):
    for engine in (("--", "--runner=FnApiRunner"), ("--runner", "flink")):
        said = sentence(commands.videonet("1/4", *engine))
        assert "--part is for runs without an engine; leave out --runner" in said


def test_a_part_needs_a_list_that_was_made_of_the_same(commands: Commands, tmp_path: Path):
    assert sentence(commands.videonet("1/4")).endswith(
        f"{commands.out} has no candidate list yet; give the same command with --part list first, "
        "and wait for its end."
    )
    commands.done("list")
    before = contents(commands.out)
    other = tmp_path / "other.txt"
    other.write_text("balloon\n")
    for part in ("1/4", "list"):
        said = sentence(commands.videonet(part, "--targets", other))
        assert "was made with other settings (another class list)" in said
        said = sentence(commands.videonet(part, "--per-class", "7"))
        assert "(per_class was 5000, is 7)" in said
    assert contents(commands.out) == before


def test_a_list_that_is_there_is_left_to_the_parts_that_are_at_work_on_it(commands: Commands):
    commands.done("list")
    before = contents(commands.out)
    ended = commands.videonet("list")
    assert (ended.code, contents(commands.out)) == (0, before)
    assert "11 videos of 11 titles listed." in ended.stdout


def test_an_empty_list_ends_with_3_and_is_made_again(world: World, few: Path, tmp_path: Path):
    rows = few.read_text()
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text("id,url,title\none,http://127.0.0.1/one.mp4,nothing of note\n")
    commands = Commands(world, catalogue, tmp_path)
    ended = commands.videonet("list")
    assert ended.code == 3
    assert "No video is listed, since no title names a class" in " ".join(ended.stdout.split())
    catalogue.write_text(rows)
    assert "11 videos of 11 titles listed." in commands.videonet("list").stdout


# Commands at the same time.


def test_the_last_command_waits_for_parts_that_are_at_work(commands: Commands, alone: Path):
    commands.done("list", "1/2")
    elsewhere = commands.say("elsewhere-1", "2/2", kept=2)
    seen = status_of(commands.out)
    assert (seen.phase, seen.processes) == ("looking at videos", 1)
    assert seen.kept == 2 + sum(each.kept for each in commands.told() if each.part == "1/2")
    with commands.begun(None) as rest:
        assert rest.stderr is not None
        said = iter(rest.stderr.readline, "")
        assert next(said) == "1 part of this run at work (2/2): waiting\n"
        assert not (commands.out / "manifest.json").exists()
        commands.store.delete(elsewhere)
        assert rest.wait(PATIENCE) == 0, list(said)
    assert bytes_of(commands.out) == bytes_of(alone)


def test_no_part_begins_while_the_last_command_is_at_work(commands: Commands):
    commands.done("list")
    commands.say("elsewhere-1", "")
    said = sentence(commands.videonet("1/2"))
    assert f"Another command does what is left of the run over {commands.out}" in said
    assert f"known after {SILENCE:.0f} s" in said


@pytest.mark.parametrize("finished", [False, True])
def test_a_part_that_is_left_of_a_run_that_is_over_ends_with_a_sentence_and_leaves_nothing(
    world: World, alone: Path, tmp_path: Path, finished: bool
):
    with world.serve(delay=2.0):
        commands = Commands(world, few_of(world.catalogue, tmp_path), tmp_path)
        commands.done("list")
        waiting = f"clips/cut/{commands.run_id}/00/clip"
        commands.store.write(waiting, b"a clip")
        with commands.begun("1/1") as part:
            wait_for(lambda: any(each.part for each in commands.told()))
            # As where a machine was held up for so long that others took it for lost.
            if finished:
                (commands.out / "manifest.json").write_bytes((alone / "manifest.json").read_bytes())
            DatasetDir(commands.out).fence.take_up()
            before = contents(commands.out)
            _, said = part.communicate(timeout=PATIENCE)
    assert part.returncode == 2
    assert said.splitlines()[-1] == (
        f"videonet: Another command has taken over {commands.out} since this part was begun; this "
        "part is over, and what it has found is in the store."
    )
    assert "Traceback" not in said
    after = contents(commands.out)
    assert {name: after.get(name) for name in before} == before
    # Of an unfinished run, clips wait for the command that goes on.
    assert (commands.store.read(waiting) is None) == finished
