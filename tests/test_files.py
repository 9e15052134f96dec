"""files: whose draft it is, and when nobody works on it any more."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.patience import wait_for
from videonet.files import abandoned, draft_name, has_ended, process_name

TELL = (
    "import sys; from videonet.files import *; print(process_name(), flush=True); sys.stdin.read()"
)


def test_a_process_has_ended_when_it_is_no_more_and_not_before():
    process = subprocess.Popen(
        [sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert not has_ended(name)
    assert not has_ended(process_name())
    process.kill()
    # Also before anybody has asked how it ended.
    wait_for(lambda: has_ended(name))
    process.wait()
    assert has_ended(name)


def test_of_a_process_elsewhere_nobody_can_tell():
    machine, pid, begun = process_name().split("-")
    elsewhere = ("0" if machine[0] != "0" else "1") + machine[1:]
    assert not has_ended(f"{elsewhere}-{pid}-{int(begun) + 1}")
    assert not has_ended("")
    assert not has_ended("another name")
    # Here it is another process that has the number by now.
    assert has_ended(f"{machine}-{pid}-{int(begun) + 1}")


def test_a_process_that_was_forked_has_a_name_of_its_own():
    read, write = os.pipe()
    before = process_name()
    pid = os.fork()
    if pid == 0:
        os.write(write, process_name().encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 1000).decode() != before
    assert process_name() == before


def test_drafts_are_abandoned_when_their_process_is_gone_or_after_a_day(tmp_path: Path):
    machine, pid, begun = process_name().split("-")
    ours, old = tmp_path / draft_name(), tmp_path / f".table.parquet.{draft_name()}.tmp"
    gone = tmp_path / f"{machine}-{pid}-{int(begun) + 1}.abc"
    elsewhere = tmp_path / f"{'0' * 12}-1-1.abc"
    unnamed = tmp_path / ".table.parquet.tmp"
    drafts = [ours, old, gone, elsewhere, unnamed]
    for each in drafts:
        each.touch()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    assert list(abandoned([*drafts, tmp_path / f"{'0' * 12}-1-1.never"])) == [old, gone, unnamed]
