"""What files of clips are called: no two alike, and as tar and file systems take it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.export.names import name_of, stem_in, stem_of

KEYS = st.one_of(
    st.text(max_size=100),
    st.builds(
        "{}:{}".format,
        st.sampled_from(["youtube", "url", "sha256", "key", "Odd"]),
        st.text("aA0_-.", min_size=1, max_size=70),
    ),
)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("youtube:dQw4w9WgXcQ", "youtube-dQw4w9WgXcQ-3"),
        ("youtube:-_a-b_c-d-e", "youtube--_a-b_c-d-e-3"),
        (f"sha256:{64 * 'a'}", f"sha256-{64 * 'a'}-3"),
    ],
)
def test_a_name_shows_the_key_where_it_can(key: str, name: str):
    assert name_of(key, 3) == name


@given(KEYS, st.integers(0, 10_000))
def test_a_name_has_no_dot_and_leads_back_to_its_video(key: str, number: int):
    name = name_of(key, number)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
    # The longest name that a member of a plain tar may have is 100 characters.
    assert len(f"{name}.00000.jpg") <= 100
    assert stem_in(f"folder/{name}.000.jpg") == stem_in(f"{name}.json") == stem_of(key)


@given(st.lists(st.tuples(KEYS, st.integers(0, 100)), unique=True, max_size=20))
def test_no_two_clips_have_the_same_name(clips: list[tuple[str, int]]):
    assert len({name_of(*clip) for clip in clips}) == len(clips)
