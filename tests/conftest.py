"""What the tests of several rooms share."""

import pytest

from demo.world import World, build_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The demo's videos, class list and catalogue: built once, to be read only."""
    return build_world(tmp_path_factory.mktemp("world"))
