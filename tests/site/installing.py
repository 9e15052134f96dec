"""Makes yt-dlp read the site: in this process, or in one that is to be started."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from yt_dlp.extractor import get_info_extractor, import_extractors
from yt_dlp.globals import (
    all_plugins_loaded,
    extractors,
    plugin_ies,
    plugin_ies_overrides,
    plugin_specs,
)
from yt_dlp.plugins import load_all_plugins, load_plugins

from tests.site.server import VideoSite

PLUGINS = Path(__file__).parent / "plugins"
MODULE = "yt_dlp_plugins.extractor.video_site"
VARIABLE = "VIDEONET_TEST_SITE"


@contextmanager
def installed(site: VideoSite) -> Iterator[None]:
    """While it lasts, YoutubeDL objects that are made in this process see `site` for YouTube.

    It may stand within another one, whose site is back after it. A YoutubeDL that was made before
    may keep what it had. Only one thread may use it at a time; the objects may be in any.
    """
    with patch.dict(os.environ, {VARIABLE: site.address}):
        if MODULE in sys.modules:
            yield
        else:
            with _loaded():
                yield


def environment(site: VideoSite) -> dict[str, str]:
    """The environment for a process whose yt-dlp is to see `site` for YouTube."""
    paths = [str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), VARIABLE: site.address}


@contextmanager
def _loaded() -> Iterator[None]:
    """The plug-in, as yt-dlp itself loads it.

    yt-dlp does so once in a process, when the first YoutubeDL is made, and before it looks for
    the classes that the plug-in replaces: its list holds stand-ins, which find their real class
    in its module when they are first used, and keep it.
    """
    import_extractors()
    if not all_plugins_loaded.value:
        load_all_plugins()
    from yt_dlp.extractor import youtube

    before = {each: each.value for each in (extractors, plugin_ies)}
    replaced = {name: getattr(youtube, name) for name in ("YoutubeIE", "YoutubeSearchIE")}
    stand_ins = {name: extractors.value[name] for name in replaced}
    sys.path.insert(0, str(PLUGINS))
    importlib.invalidate_caches()
    try:
        load_plugins(plugin_specs.value["extractor"])
        for name, stand_in in stand_ins.items():
            stand_in._real_class = getattr(youtube, name)
        for name in ("Youtube", "YoutubeSearch"):
            assert type(get_info_extractor(name)()).__module__ == MODULE, "yt-dlp took no plug-in"
        yield
    finally:
        for name, real in replaced.items():
            setattr(youtube, name, real)
            stand_ins[name]._real_class = real
            overrides = plugin_ies_overrides.value[real]
            overrides[:] = [each for each in overrides if each.__module__ != MODULE]
        for each, value in before.items():
            each.value = value
        sys.path.remove(str(PLUGINS))
        sys.modules.pop(MODULE, None)
        importlib.invalidate_caches()
