"""What else is said of a video: read in any form, kept in few, and never too much of it."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.curation.candidate_list import MatchedRow, title_hits
from videonet.fetch.details import details_of, details_of_page, fitted
from videonet.fetch.published_address import published_video
from videonet.schemas.video_info import DETAILS, Details, VideoInfo
from videonet.sources.source import Row

VIDEO = VideoInfo(video_id="a", url="https://example.org/a", title="A swan")


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("upload_date", "20240501", "20240501"),
        ("upload_date", 20240501, "20240501"),
        ("upload_date", "2024-05-01T12:00:00Z", "20240501"),
        ("upload_date", date(2024, 5, 1), "20240501"),
        ("upload_date", "yesterday", None),
        ("language", " pt-BR ", "pt-BR"),
        ("description", "x" * 2_000, "x" * 1_000),
        ("description", "  ", None),
        ("description", ["a"], None),
        ("tags", ["swan", "lake", "swan", "", None], ("swan", "lake")),
        ("tags", "swan, lake", ("swan", "lake")),
        ("tags", "swan|lake", ("swan", "lake")),
        (
            "tags",
            [str(each) * 100 for each in range(9)],
            tuple(str(each) * 100 for each in range(5)),
        ),
        ("category", ["Music", "Film"], "Music"),
        ("category", "Music", "Music"),
        ("age_limit", "18", 18),
        ("age_limit", 18.0, 18),
        ("age_limit", "old", None),
        ("age_limit", True, None),
        ("has_captions", "false", False),
        ("has_captions", {"en": []}, True),
        ("has_captions", {}, False),
        ("has_captions", "perhaps", None),
        ("asked", 1_700_000_000, "2023-11-14T22:13:20+00:00"),
        ("asked", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00+00:00"),
        ("asked", datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        ("asked", "now", None),
    ],
)
def test_a_value_is_read_however_it_is_written(name: str, written: Any, meant: Any):
    assert details_of({name: written}) == ({} if meant is None else {name: meant})


def test_a_page_has_captions_if_somebody_or_the_site_made_some():
    assert details_of_page({"subtitles": {}, "automatic_captions": {"en": []}}) == {
        "has_captions": True
    }
    assert details_of_page({"subtitles": {}, "automatic_captions": {}}) == {"has_captions": False}
    # A result of a search says nothing of them.
    assert details_of_page({"title": "A swan", "description": None}) == {}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(DETAILS), anything))
def test_whatever_is_said_is_read_or_passed_over(said: dict[str, Any]):
    found = details_of(said)
    assert found.keys() <= said.keys()
    # It is of the types that tables have, and JSON holds it.
    details = msgspec.convert(found, Details)
    assert msgspec.json.decode(msgspec.json.encode(details), type=Details) == details


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(
    title=st.text(min_size=1, max_size=100),
    description=texts.map(lambda text: (text * 1_000)[:1_000]),
    tags=st.lists(texts.map(lambda text: text[:100]), max_size=9),
)
def test_a_hit_is_small_however_much_is_said(title: str, description: str, tags: list[str]):
    said = details_of({"description": description, "tags": tags, "language": "en"})
    video = msgspec.structs.replace(VIDEO, title=title, **said)
    matched = MatchedRow(Row(0, video), {"n01860187": ("swan",)})
    (hit,) = title_hits(matched, "youtube:a", "catalogue")
    assert len(msgspec.json.encode(tuple(hit))) < 4_000
    kept = hit.sighting.video.description
    assert (said.get("description") or "").startswith(kept or "")


def test_only_long_descriptions_in_wide_characters_are_cut_shorter():
    for character, whole in (("x", True), ("ж", True), ("白", True), ("🦢", False)):
        said = Details(description=character * 1_000)
        assert (fitted(said, 800) == said) is whole
    assert fitted(Details(description="x"), 5_000) == Details()


def test_secrets_in_it_are_not_published():
    secret = "see https://example.org/?token=abc123def"
    said = details_of({"description": secret, "tags": [secret], "category": secret})
    shown = published_video(msgspec.structs.replace(VIDEO, **said))
    assert "abc123def" not in str(shown)
    assert shown.description == "see https://example.org/?token=REDACTED"
