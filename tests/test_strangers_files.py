"""No file of a stranger's says what code is run: how the code reads files that could."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ("videonet", "demo", "scripts", "benchmarks", "examples")

# These run what a file names. By a name's end: whatever the module is called where it is used.
FORBIDDEN = (
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "read_pickle", "joblib.load", "dill.load"),
    *("dill.loads", "cloudpickle.load", "cloudpickle.loads", "marshal.load", "marshal.loads"),
    *("shelve.open", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "jit.load", "hub.load"),
)
# These do so unless they are told not to: with which argument, of which value.
ONLY_WITH = {"torch.load": ("weights_only", True), "serialization.load": ("weights_only", True)}
NEVER_WITH = {"allow_pickle": False, "trust_remote_code": False}


def names_in(tree: ast.Module) -> dict[str, str]:
    """What the names that a module imports stand for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({each.asname: each.name for each in node.names if each.asname})
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(
                {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
            )
    return names


def unsafe_calls(code: str) -> Iterator[str]:
    """The calls in a module that run code of a file, or may."""
    tree = ast.parse(code)
    names = names_in(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first, _, rest = ast.unparse(node.func).partition(".")
        called = f"{names.get(first, first)}.{rest}".strip(".")
        given = {each.arg: getattr(each.value, "value", ...) for each in node.keywords}
        only = [value for name, value in ONLY_WITH.items() if f".{called}".endswith(f".{name}")]
        if (
            any(f".{called}".endswith(f".{name}") for name in FORBIDDEN)
            or any(given.get(name) is not value for name, value in only)
            or any(given.get(name, value) is not value for name, value in NEVER_WITH.items())
        ):
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch.load(x)",
        "import torch\ntorch.load(x, weights_only=False)",
        "import torch\ntorch.load(x, weights_only=flag)",
        "import torch\ntorch.load(x, **how)",
        "import torch as t\nt.load(x)",
        "from torch import load\nload(x)",
        "from torch import load as read\nread(x, map_location='cpu')",
        "from torch.serialization import load\nload(x)",
        "import torch\ntorch.jit.load(x)",
        "import torch\ntorch.hub.load('a', 'b')",
        "import pickle\npickle.loads(x)",
        "from pickle import Unpickler\nUnpickler(x).load()",
        "import numpy as np\nnp.load(x, allow_pickle=True)",
        "import yaml\nyaml.load(x, yaml.Loader)",
        "import joblib\njoblib.load(x)",
        "import shelve\nshelve.open(x)",
        "import pandas as pd\npd.read_pickle(x)",
        "load_dataset('x', trust_remote_code=True)",
    ],
)
def test_what_runs_code_of_a_file_is_noticed(code: str):
    assert len(list(unsafe_calls(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch.load(x, weights_only=True)",
        "import json\njson.load(x)",
        "import numpy as np\nnp.load(x)",
        "import yaml\nyaml.safe_load(x)",
        "network.load(x)",
    ],
)
def test_what_runs_none_is_not(code: str):
    assert list(unsafe_calls(code)) == []


def test_no_module_runs_code_of_a_file():
    found = {
        f"{path.relative_to(ROOT)}: {call}"
        for folder in CODE
        for path in (ROOT / folder).rglob("*.py")
        for call in unsafe_calls(path.read_text("utf-8"))
    }
    assert found == set()


def test_the_linter_notices_it_while_it_is_written(tmp_path: Path):
    code = "import torch\n\ntorch.load('x')\ntorch.load('x', weights_only=False)\n"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "ruff", "check", "--select", "TID251", "--no-cache"),
            *("--config", str(ROOT / "pyproject.toml"), "--stdin-filename", "videonet/a.py", "-"),
        ],
        input=code,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ended.stdout.count("TID251") == 2, ended.stdout + ended.stderr
