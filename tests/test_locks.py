"""requirements/*.lock: what images and CI install, to the byte, as constraints.txt has it."""

import functools
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {
    "base": [],
    "youtube": ["youtube"],
    "train": ["train"],
    "dev": ["dev"],
    "gpu": ["gpu"],
    # which asks for the other by the project's own name
    "evaluate": ["evaluate", "train"],
}


def pinned(text: str) -> dict[str, set[str]]:
    """The versions of each package that a file of requirements has, by its plain name."""
    versions = defaultdict(set)
    for line in text.replace("\\\n", "").splitlines():
        wanted = Requirement(re.sub(r"--hash=\S+|(^|\s)#.*", "", line)) if line.strip() else None
        if wanted is not None:
            (only,) = wanted.specifier
            assert only.operator == "==", line
            versions[canonicalize_name(wanted.name)].add(only.version)
    return dict(versions)


def text_of(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")


@functools.cache
def constraints() -> dict[str, set[str]]:
    return pinned((ROOT / "constraints.txt").read_text("utf-8"))


def test_there_is_a_lock_file_for_each_extra():
    assert {file.stem for file in (ROOT / "requirements").iterdir()} == LOCKS.keys()
    assert EXTRAS.keys() | {"base"} == LOCKS.keys()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_and_the_constraints_agree(name: str):
    for package, versions in pinned(text_of(name)).items():
        assert versions <= constraints().get(package, set()), package


def test_the_lock_files_together_are_the_constraints():
    together: defaultdict[str, set[str]] = defaultdict(set)
    for name in LOCKS:
        for package, versions in pinned(text_of(name)).items():
            together[package] |= versions
    assert dict(together) == constraints()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_holds_what_the_project_asks_for(name: str):
    locked = pinned(text_of(name))
    asked = [*PROJECT["dependencies"], *(each for extra in LOCKS[name] for each in EXTRAS[extra])]
    for wanted in map(Requirement, asked):
        if wanted.name == PROJECT["name"]:
            assert wanted.extras <= set(LOCKS[name])
            continue
        versions = locked[canonicalize_name(wanted.name)]
        assert any(wanted.specifier.contains(version) for version in versions), str(wanted)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_its_digests(name: str):
    entries = re.split(r"\n(?=\S)", text_of(name).strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry.partition("\n")[0]


@pytest.mark.parametrize(
    "name", [*(f"requirements/{each}.lock" for each in LOCKS), "constraints.txt"]
)
def test_no_file_says_where_packages_come_from(name: str):
    assert not re.search(r"https?:|//|--(extra-)?index|--find-links", (ROOT / name).read_text())


def test_one_command_makes_them_all():
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\nlock:")[2].partition("\n\n")[0]
    for name in LOCKS:
        assert f"--output-file requirements/{name}.lock" in recipe
    assert "--output-file constraints.txt" in recipe
