"""The house: rooms import downwards only, and few modules stand on each other."""

import functools
from pathlib import Path

import grimp
import pytest

import videonet

ROOT = Path(videonet.__file__).parent

# From the ground up: a room imports rooms that stand before it alone.
ROOMS = (
    *("schemas", "errors", "files", "stop_signal", "text", "versions"),
    *("shards", "storage", "targets", "cage", "video", "classifier", "fetch", "sources"),
    "selection",
    "curation",
    *(
        "dataset",
        "export",
        "stages",
        "pipelines",
        "execution",
        "planning",
        "training",
        "evaluation",
        "report",
        "doctor",
        "cli",
    ),
    *("vito", "__main__"),
)
MOST_LEVELS = 18
MOST_LEAVES = 6
MOST_LINES = 500


@functools.cache
def graph() -> grimp.ImportGraph:
    """All imports, also those within functions, but for three tables.

    These are the public API and the commands, which name what they load when it is asked for, and
    the `__main__` block of a module that is also a program.
    """
    found = grimp.build_graph("videonet", cache_dir=None)
    programs = ("__main__", "pipelines.curate", "training.train", "vito.train")
    for importer, imported in [
        *(("videonet", each) for each in found.find_modules_directly_imported_by("videonet")),
        *((f"videonet.{each}", "videonet.cli") for each in programs),
    ]:
        found.remove_import(importer=importer, imported=imported)
    return found


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_its_place():
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__", "py"} == set(ROOMS)


def test_a_room_imports_only_rooms_below_it():
    upwards = [
        f"{module} -> {imported}"
        for module in graph().modules
        for imported in graph().find_modules_directly_imported_by(module)
        if room_of(module) and room_of(imported)
        if ROOMS.index(room_of(imported)) > ROOMS.index(room_of(module))
    ]
    assert upwards == []


def test_no_module_imports_itself_in_a_circle():
    circles = [
        module
        for module in graph().modules
        if any(
            graph().find_shortest_chain(imported, module)
            for imported in graph().find_modules_directly_imported_by(module)
        )
    ]
    assert circles == []


def test_modules_stand_on_each_other_in_few_levels():
    @functools.cache
    def levels(module: str) -> int:
        below = graph().find_modules_directly_imported_by(module)
        return 1 + max(map(levels, below), default=0)

    assert max(map(levels, graph().modules)) <= MOST_LEVELS


def test_the_root_holds_the_public_api_and_few_leaves():
    leaves = {path.stem for path in ROOT.glob("*.py")} - {"__init__"}
    assert len(leaves) <= MOST_LEAVES
    for leaf in leaves:
        below = graph().find_modules_directly_imported_by(f"videonet.{leaf}")
        # versions says which version of the package itself is at work; text speaks of records.
        assert {room_of(each) for each in below} <= {"", "schemas", *leaves}


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.name)
def test_a_file_has_one_subject(path: Path):
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES
