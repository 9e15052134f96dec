"""The numbers that a browser shows of a real run are those of its verdicts, counted one by one."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.curated import Curated, curated_once
from tests.curating import verdicts_of
from tests.report.browser import browsing, complaints, show
from videonet.report.facts import facts_of
from videonet.report.page.render import render_page
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def verdicts(curated: Curated) -> list[Verdict]:
    return verdicts_of(curated.out)


@pytest.fixture(scope="module")
def page(curated: Curated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    file: Path = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(render_page(facts_of(curated.out, curated.store)), "utf-8")
    with browsing() as chrome:
        complaints(chrome)
        show(chrome, file)
        yield chrome
        assert complaints(chrome) == []


def values(page: Chrome, selector: str, *names: str) -> dict[tuple[str | None, ...], int]:
    """The numbers of all elements, by what these attributes of theirs say."""
    found = page.find_elements(By.CSS_SELECTOR, selector)
    keys = [tuple(each.get_attribute(f"data-{name}") for name in names) for each in found]
    assert len(keys) == len(set(keys))
    numbers = [each.get_attribute("data-value") for each in found]
    return {key: int(number or "") for key, number in zip(keys, numbers, strict=True)}


def test_every_outcome_and_reason_is_counted(page: Chrome, verdicts: list[Verdict]):
    shown = values(page, "#funnel .legend tr[data-reason]", "outcome", "reason")
    assert shown == Counter(
        (each.outcome.value, each.reason.value) for each in verdicts if each.reason
    )
    sums = values(page, "#funnel .legend tr:not([data-reason])", "outcome")
    outcomes = Counter(each.outcome for each in verdicts)
    assert sums == {(outcome.value,): outcomes[outcome] for outcome in Outcome}


def test_every_step_of_the_funnel_is_counted(
    page: Chrome, curated: Curated, verdicts: list[Verdict]
):
    lookup = DatasetDir(curated.out).lookup()
    assert lookup is not None
    matching = [each for each in verdicts if each.frames_matched]
    kept = [each for each in verdicts if each.outcome is Outcome.KEPT]
    assert values(page, "#funnel tr[data-funnel]", "funnel") == {
        ("titles",): lookup.titles,
        ("matched",): sum(lookup.matched.values()),
        ("candidates",): len(verdicts),
        ("downloaded",): sum(
            each.sha256 is not None or each.frames_scanned is not None for each in verdicts
        ),
        ("matching",): len(matching),
        ("long_enough",): sum(each.reason is not Reason.TOO_SHORT for each in matching),
        ("kept",): len(kept),
        ("with_clip",): sum(each.clips > 0 for each in kept),
        ("clips",): sum(each.clips for each in kept),
    }


def test_every_class_has_its_numbers(page: Chrome, verdicts: list[Verdict]):
    for column, counted in (
        ("candidates", Counter(each.target_id for each in verdicts)),
        ("kept", Counter(e.target_id for e in verdicts if e.outcome is Outcome.KEPT)),
    ):
        shown = {}
        for row in page.find_elements(By.CSS_SELECTOR, "#classes tr[data-class]"):
            for cell in row.find_elements(By.CSS_SELECTOR, f"td[data-column={column}]"):
                shown[row.get_attribute("data-class")] = int(cell.get_attribute("data-value") or "")
        assert shown == {each: counted[each] for each in {v.target_id for v in verdicts}}


def test_every_kept_and_every_unlike_pair_has_its_picture(page: Chrome, verdicts: list[Verdict]):
    figures = page.find_elements(By.CSS_SELECTOR, "#pictures figure")
    shown = Counter(
        tuple(each.get_attribute(f"data-{name}") for name in ("key", "class", "outcome"))
        for each in figures
    )
    assert shown == Counter(
        (each.video_key, each.target_id, each.outcome.value)
        for each in verdicts
        if each.outcome is Outcome.KEPT or each.reason is Reason.NO_TOP1_MATCH
    )
