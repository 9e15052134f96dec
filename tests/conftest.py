"""What the tests of several rooms share."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from demo.world import World, build_world
from tests.once import made_once

# The files that take longest, longest first: begun last, one would keep a single process busy
# when all others are done.
LONGEST = (
    *(
        "test_hostile_web.py",
        "test_machine.py",
        "test_curate.py",
        "test_learning.py",
        "test_real_videos.py",
        "test_kill.py",
    ),
    *("test_youtube.py", "test_rebuild.py", "test_refused.py", "test_graph.py"),
    *("test_snippets.py", "test_interrupt.py", "test_status_of_a_run.py", "test_withdraw.py"),
    *("test_facts.py", "test_in_parts.py", "test_resume.py", "test_train.py"),
    *("test_page.py", "test_provisional.py", "test_wordnet.py", "test_clips.py"),
)

# How long an example takes depends on what else the machine does. `make test-all` draws many, and
# `make test-odd` more, of what strangers write.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("calm"), max_examples=1000)
settings.register_profile("odd", settings.get_profile("calm"), max_examples=10_000)
settings.load_profile("calm")

# Modules that hide those which only the tests' environment has.
WITHOUT = str(Path(__file__).with_name("without"))


def pytest_configure(config: pytest.Config) -> None:
    """Hide them from this process, and from those that tests start; let these have Ctrl-C."""
    # A shell starts what runs in the background without it, and so would all that tests start be.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if WITHOUT not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([WITHOUT, *filter(None, paths)])
    if WITHOUT not in sys.path:
        sys.path.insert(0, WITHOUT)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is thorough or for clusters, and begin with what takes longest."""
    if settings().max_examples < settings.get_profile("thorough").max_examples:
        thorough = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=thorough)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
    if "cluster" not in config.option.markexpr:
        elsewhere = [item for item in items if item.get_closest_marker("cluster")]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if not item.get_closest_marker("cluster")]
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The demo's videos, class list and catalogue: built once, to be read only."""
    built = made_once(tmp_path_factory.getbasetemp(), "built", build_world)
    # A test that serves it writes a catalogue into it.
    return World(Path(shutil.copytree(built, tmp_path_factory.mktemp("world"), dirs_exist_ok=True)))
