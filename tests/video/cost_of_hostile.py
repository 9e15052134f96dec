"""Prints what small files that claim much cost under the usual limits.

    python -m tests.video.cost_of_hostile [NAME ...]

Of each: bytes, how its first frames and its length end, seconds, and megabytes of memory in use.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.video.hostile import HOSTILE
from videonet.schemas.decode_limits import DecodeLimits
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder


def main(names: list[str]) -> None:
    decoder = Decoder(DecodeLimits())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video"
        for name in names or HOSTILE:
            path.write_bytes(HOSTILE[name]())
            said = [
                _cost(lambda: decoder.first_frames(path, 100, 256, (224, 224))),
                _cost(lambda: decoder.recordings_in(path)),
            ]
            print(f"{name}: {path.stat().st_size:,} bytes; {'; '.join(said)}", flush=True)  # noqa: T201
    decoder.close()


def _cost(operation: Callable[[], object]) -> str:
    done, most = threading.Event(), 0

    def watch() -> None:
        nonlocal most
        while not done.wait(0.02):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    most = max(most, process.memory_info().rss)

    watcher, begin = threading.Thread(target=watch), time.monotonic()
    watcher.start()
    try:
        operation()
        ended = "read"
    except VideoError as error:
        ended = f"{error.reason} ({error})"
    finally:
        done.set()
        watcher.join()
    return f"{ended}, {time.monotonic() - begin:.1f} s, {most / 1e6:.0f} MB"


if __name__ == "__main__":
    main(sys.argv[1:])
