"""A process that is stopped in a download for longer than its share holds, and goes on then."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE, wait_for
from videonet.fetch.disk_budget import DiskBudget
from videonet.files import draft_name, import_path
from videonet.storage.disk_ledger import NAME, SharedLedger
from videonet.storage.store_files import held_below

LIMIT, SIZE = 1000, 600

# Seconds that a share holds here.
HOLDS = 5.0

# Downloads a video, ten bytes at once, and keeps it.
DOWNLOAD = f"""
import sys, time
from pathlib import Path
from videonet.fetch.disk_budget import DiskBudget
from videonet.files import draft_name
from videonet.storage.disk_ledger import SharedLedger

root = Path(sys.argv[1])
budget = DiskBudget({LIMIT}, ledger=SharedLedger(root, seconds={HOLDS}))
room = budget.begin("ab/stopped")
assert room.take({SIZE}, 0)
draft = root / "tmp" / draft_name() / "video"
draft.parent.mkdir(parents=True)
with draft.open("wb", buffering=0) as file:
    for piece in range({SIZE} // 10):
        assert room.is_held or room.take(0, {PATIENCE})
        file.write(bytes(10))
        time.sleep(0.005)
(root / "video" / "ab").mkdir(parents=True, exist_ok=True)
draft.rename(root / "video" / "ab" / "stopped")
room.settle()
budget.close()
"""


@pytest.mark.slow
def test_it_waits_for_room_anew_before_it_goes_on(tmp_path: Path):
    drafts = tmp_path / "tmp"

    def there() -> int:
        downloads = sum(each.stat().st_size for each in drafts.glob("*/video"))
        return downloads + held_below(tmp_path)

    stopped = subprocess.Popen(
        [sys.executable, "-P", "-c", DOWNLOAD, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": import_path()},
    )
    try:
        wait_for(lambda: there() >= 100)
        stopped.send_signal(signal.SIGSTOP)
        before = there()
        assert before < SIZE
        budget = DiskBudget(LIMIT, ledger=SharedLedger(tmp_path, seconds=HOLDS))
        room = budget.begin("ab/other")
        assert not room.take(SIZE, 0)
        # Its share ends; what it has written still counts.
        assert room.take(SIZE, PATIENCE)
        assert not room.take(LIMIT - SIZE - before + 1, 0)
        other = drafts / draft_name() / "video"
        other.parent.mkdir()
        other.write_bytes(bytes(SIZE))
        stopped.send_signal(signal.SIGCONT)
        # It says that it waits, and writes nothing meanwhile.
        wait_for(lambda: b'"waits":0' in (tmp_path / NAME).read_bytes())
        time.sleep(HOLDS)
        assert there() <= before + SIZE + 10 <= LIMIT
        other.unlink()
        room.settle(SIZE)
        assert stopped.wait(PATIENCE) == 0
        assert held_below(tmp_path) == SIZE
        budget.close()
        assert not (tmp_path / NAME).exists()
    finally:
        stopped.kill()
        stopped.wait()
