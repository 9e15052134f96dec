"""videonet --help: what every command says of itself."""

import re
import subprocess
import sys
from typing import Any

import pytest
import typer

from tests.curated import videonet
from videonet.cli import app

COMMANDS = [
    ("targets",),
    ("plan",),
    ("curate",),
    ("split",),
    ("merge",),
    ("status",),
    ("cancel",),
    ("report",),
    ("explain",),
    ("show",),
    ("sample",),
    ("verify",),
    ("rebuild",),
    ("repack",),
    ("diff",),
    ("withdraw",),
    ("affected",),
    ("recheck",),
    ("train",),
    ("evaluate",),
    ("compare",),
    ("export",),
    ("doctor",),
    ("classifier", "fetch"),
    ("classifier", "show"),
    ("wordnet", "install"),
]

# What a number on the command line may count.
UNITS = (
    *("videos", "seconds", "frames", "clips", "shards", "bytes"),
    *("queries", "requests", "downloads", "share", "probability", "pixels", "quality"),
)


def command(*names: str) -> Any:
    found = typer.main.get_command(app)
    for name in names:
        found = found.commands[name]
    return found


def test_there_are_no_other_commands():
    def leaves(group: Any, *names: str) -> list[tuple[str, ...]]:
        if not hasattr(group, "commands"):
            return [names]
        return [
            leaf for name in group.commands for leaf in leaves(group.commands[name], *names, name)
        ]

    assert sorted(leaves(typer.main.get_command(app))) == sorted(COMMANDS)


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_has_one_example_that_it_understands(names: tuple[str, ...]):
    ended = videonet(*names, "--help")
    assert ended.code == 0
    assert ended.stdout.count("Example:") == 1
    _, _, example = (command(*names).help or "").partition("Example: ")
    typed = example.split()
    assert typed[: len(names) + 1] == ["videonet", *names]
    # It parses: nothing in it is unknown, nothing that is needed is missing.
    command(*names).make_context("videonet", typed[len(names) + 1 :])


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_option_has_help_and_shows_its_default(names: tuple[str, ...]):
    shown = " ".join(videonet(*names, "--help").stdout.replace("│", " ").split())
    for parameter in command(*names).params:
        assert parameter.help, parameter.name
        # A flag is off where it is not given.
        if parameter.default is not None and not getattr(parameter, "is_flag", False):
            value = getattr(parameter.default, "value", parameter.default)
            assert f"[default: {value}]" in shown, parameter.name


def test_every_number_has_a_unit():
    numbers = re.findall(r"--([\w-]+) +<(?:int|float)", videonet("curate", "--help").stdout)
    helps = {each.opts[0].lstrip("-"): each.help.lower() for each in command("curate").params}
    assert len(numbers) == 21
    for name in numbers:
        assert any(unit in helps[name] for unit in UNITS), (name, helps[name])
    for name in ("max-bytes", "disk-budget", "rate-limit"):
        assert "bytes" in helps[name]


def test_help_does_not_load_what_only_runs_need():
    heavy = {"apache_beam", "av", "inflect", "nltk", "onnxruntime", "yt_dlp"}
    code = f"import sys, videonet.cli; print(sorted({heavy!r} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
