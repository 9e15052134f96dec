"""What the tests of several rooms share."""

import pytest

from demo.world import World, build_world

# The files that take longest, longest first: begun last, one would keep a single process busy
# when all others are done.
LONGEST = (
    *("test_youtube.py", "test_kill.py", "test_curate.py", "test_real_videos.py"),
    *("test_rebuild.py", "test_wordnet.py", "test_interrupt.py", "test_refused.py"),
    *("test_status.py", "test_site.py", "test_graph.py", "test_clips.py", "test_withdraw.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The demo's videos, class list and catalogue: built once, to be read only."""
    return build_world(tmp_path_factory.mktemp("world"))
