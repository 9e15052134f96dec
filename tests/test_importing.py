"""Importing videonet changes nothing of the process, nor does what it does with others' modules."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Prints what of the process is different after all modules of videonet were imported. Libraries,
# which may change what they like, are imported before.
_IMPORT_ALL = """
import ast, csv, importlib, json, logging, os, pathlib, random, signal, socket, sys, warnings

root = pathlib.Path(sys.argv[1])
files = sorted((root / "videonet").rglob("*.py"))
modules = [".".join(file.relative_to(root).with_suffix("").parts) for file in files]
modules = [each.removesuffix(".__init__") for each in modules]

def imported(file):
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)

for name in sorted({name for file in files for name in imported(file)}):
    if not name.startswith("videonet"):
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # the name of a class or a function

import av, numpy, PIL.Image, torch

def loggers():
    known = {"": logging.root, **logging.root.manager.loggerDict}
    found = {name: each for name, each in known.items() if isinstance(each, logging.Logger)}
    return {
        name: [each.level, each.disabled, each.propagate, len(each.handlers), len(each.filters)]
        for name, each in found.items()
    }

def state():
    return {
        "loggers": loggers(),
        "logging": [logging.root.manager.disable, logging.raiseExceptions],
        "csv": csv.field_size_limit(),
        "FFmpeg": av.logging.get_level(),
        "environment": dict(os.environ),
        "warnings": [str(each) for each in warnings.filters],
        "signals": [str(signal.getsignal(each)) for each in signal.valid_signals()],
        "sockets": socket.getdefaulttimeout(),
        "path": sys.path,
        "importing": [str(each) for each in (*sys.meta_path, *sys.path_hooks)],
        "hooks": [str(each) for each in (sys.excepthook, sys.displayhook)],
        "recursion": sys.getrecursionlimit(),
        "umask": os.umask(os.umask(0o22)),
        "folder": os.getcwd(),
        "random": str(random.getstate()),
        "numpy": [str(numpy.geterr()), str(numpy.random.get_state())],
        "Pillow": [PIL.Image.MAX_IMAGE_PIXELS, sorted(PIL.Image.ID)],
        "torch": [
            torch.get_num_threads(),
            str(torch.get_default_dtype()),
            torch.is_grad_enabled(),
            torch.initial_seed(),
            torch.backends.cudnn.benchmark,
            torch.are_deterministic_algorithms_enabled(),
        ],
    }

before = state()
for name in modules:
    importlib.import_module(name)
after = state()
# A module may have a logger of its own, as long as it leaves it as it is.
untouched = [logging.NOTSET, False, True, 0, 0]
for name in after["loggers"].keys() - before["loggers"].keys():
    if after["loggers"][name] == untouched:
        del after["loggers"][name]
changed = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
print(json.dumps({"modules": len(modules), "changed": changed}))
"""


@pytest.mark.slow
def test_importing_all_modules_changes_nothing_of_the_process():
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, ROOT], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["modules"] > 100
    assert said["changed"] == {}
