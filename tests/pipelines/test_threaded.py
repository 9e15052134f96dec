"""Stages whose elements are worked on by threads."""

import copy
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from demo.odd_files import write_noise
from demo.train_classifier import MODEL
from tests.curating import options_of
from videonet.curation.context import RunContext, open_context
from videonet.execution.prepare import prepare
from videonet.stages.threaded import ThreadedDoFn

THREADS, BUNDLES, ELEMENTS = 3, 4, 10


class AtWork:
    """How many elements were worked on at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0


AT_WORK = AtWork()


def work(context: RunContext, element: int) -> list[int]:
    with AT_WORK.lock:
        AT_WORK.now += 1
        AT_WORK.most = max(AT_WORK.most, AT_WORK.now)
    time.sleep(0.01)
    with AT_WORK.lock:
        AT_WORK.now -= 1
    return [element]


def results_of(stage: ThreadedDoFn) -> list[int]:
    stage.setup()
    results = [each for number in range(ELEMENTS) for each in stage.process(number)]
    results += [each.value for each in stage.finish_bundle()]
    stage.teardown()
    return results


def test_bundles_of_a_stage_that_one_process_works_on_at_once_share_its_threads(tmp_path: Path):
    (tmp_path / "classes.txt").write_text("balloon\n")
    (tmp_path / "videos").mkdir()
    write_noise(tmp_path / "videos" / "balloon.mp4")
    asked = {"targets": tmp_path / "classes.txt", "source": f"folder:{tmp_path / 'videos'}"}
    places = {"store": tmp_path / "store", "out": tmp_path / "out", "classifier": MODEL}
    plan = prepare(*options_of({**asked, **places}))
    stage = ThreadedDoFn(plan, work, THREADS)
    with open_context(plan), ThreadPoolExecutor(BUNDLES) as pool:
        copies = [copy.deepcopy(stage) for _ in range(BUNDLES)]
        results = list(pool.map(results_of, copies))
    assert [sorted(each) for each in results] == [list(range(ELEMENTS))] * BUNDLES
    assert AT_WORK.most == THREADS
