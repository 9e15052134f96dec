"""Fetches addresses in a process of its own, and says how each ended and what memory that took.

    python -m tests.fetch.memory_of_fetching STORE URL ...

Prints a JSON array: of each address, the reason, the text, and the megabytes that the process had
more at its largest than before.
"""

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

from tests.fetch.fetching import fetch
from tests.fetch.visiting import LIMITS, candidate, quick_web
from videonet.fetch.disk_budget import DiskBudget
from videonet.storage.store import Store

# No address may take more than this, megabytes: where one would, the process fails and not the
# machine.
_MOST = 4000


def main(folder: str, *urls: str) -> None:
    store = Store(Path(folder))
    store.prepare()
    web = quick_web()
    ended = []
    before = _peak()
    most = int(_address_space() + _MOST) << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for url in urls:
        limits = replace(LIMITS, attempts=1)
        record = fetch(candidate(url), store, DiskBudget(None), limits, web, "run", 3)
        ended.append((record.reason, record.error, _peak() - before))
    sys.stdout.write(json.dumps(ended))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _address_space() -> float:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() / (1 << 20)


if __name__ == "__main__":
    main(*sys.argv[1:])
