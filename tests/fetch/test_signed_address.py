"""videonet.fetch.signed_address: a renewed signature is the same video, all else is another."""

import hashlib

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.rows import row_of
from videonet.fetch.signed_address import unsigned
from videonet.sources.video_key import canonical, keys_of, video_key

# As the stores write them; "{}" is what differs from one time to the next.
FAMILIES = {
    "AWS": "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F{0}%2Fus-east-1%2Fs3"
    "&X-Amz-Date={0}&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token={0}"
    "&X-Amz-Signature={0}",
    "AWS, version 2": "AWSAccessKeyId=AKIA&Expires={0}&Signature={0}",
    "Google": "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential={0}&X-Goog-Date={0}"
    "&X-Goog-Expires=900&X-Goog-SignedHeaders=host&X-Goog-Signature={0}",
    "Google, version 2": "GoogleAccessId=me%40x.iam&Expires={0}&Signature={0}",
    "CloudFront, canned": "Expires={0}&Signature={0}~-_&Key-Pair-Id=APKA",
    "CloudFront, custom": "Policy={0}_&Signature={0}&Key-Pair-Id=APKA",
    "Azure": "sv=2024-11-04&ss=b&srt=o&sp=r&se={0}&st={0}&spr=https&sig={0}%3D",
    "Azure, stored policy": "sv=2024-11-04&sr=b&si=readers&sig={0}%3D",
}

PLAIN = "https://store.example.org/videos/a.mp4"


def key_of(url: str) -> str:
    return video_key(row_of(0, "x", url, None, "A cat"))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_renewed_signature_is_the_same_video(family: str):
    keys = {key_of(f"{PLAIN}?{family.format(each)}") for each in ("20240101", "20250202")}
    assert keys == {key_of(PLAIN)}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_other_parameters_beside_a_signature_count(family: str):
    signed = family.format("1")
    one, other = (key_of(f"{PLAIN}?key={each}&{signed}") for each in ("a", "b"))
    assert one == key_of(f"{PLAIN}?key=a")
    assert other == key_of(f"{PLAIN}?{signed}&key=b")
    assert len({one, other, key_of(PLAIN)}) == 3


@pytest.mark.parametrize(
    "name",
    [
        *("key", "id", "v", "token", "access_token", "auth", "sig", "sv", "se", "signature"),
        *("expires", "policy", "Key-Pair-Id", "X-Amz-Date", "X-Goog-Date", "X-Amz-Signature"),
    ],
)
def test_a_parameter_that_is_no_whole_signature_counts(name: str):
    assert key_of(f"{PLAIN}?{name}=1") != key_of(f"{PLAIN}?{name}=2")
    assert key_of(f"{PLAIN}?{name}=1") != key_of(PLAIN)


def test_half_a_signature_counts_as_a_whole():
    assert unsigned("Signature=a&Expires=1") == "Signature=a&Expires=1"
    assert unsigned("sig=a&se=1") == "sig=a&se=1"
    assert unsigned("X-Amz-Date=1&X-Amz-Expires=2") == "X-Amz-Date=1&X-Amz-Expires=2"


def test_names_are_compared_without_case_and_percent_signs():
    query = "x-amz-SIGNATURE=a&X%2DAmz%2DCredential=b&c=D"
    assert unsigned(query) == "c=D"


def test_user_name_and_password_name_no_video():
    urls = (PLAIN, PLAIN.replace("//", "//me:secret@"), PLAIN.replace("//", "//you@"))
    assert len({key_of(url) for url in urls}) == 1


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_key_that_a_signed_address_had_is_still_known(family: str):
    url = f"{PLAIN}?{family.format('1')}"
    former = "url:" + _sha256(canonical_once(url))
    assert former != key_of(url)
    assert keys_of(url) == (key_of(url), former)
    assert keys_of(PLAIN) == (key_of(PLAIN), key_of(PLAIN))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_once(url: str) -> str:
    """As earlier versions wrote an address: with its signature."""
    parsed = yarl.URL(url)
    return f"{parsed.origin()}{parsed.raw_path_qs}"


NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6)
OTHERS = st.lists(st.tuples(NAMES.map("p-{}".format), NAMES), max_size=4)
VALUES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)


def query_of(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)


@given(OTHERS, st.sampled_from(sorted(FAMILIES.values())), VALUES, st.integers(0, 4))
def test_signing_an_address_does_not_change_its_key(
    others: list[tuple[str, str]], family: str, value: str, place: int
):
    signed = [*others]
    signed[place:place] = [tuple(each.split("=", 1)) for each in family.format(value).split("&")]
    plain = f"{PLAIN}?{query_of(others)}" if others else PLAIN
    assert key_of(f"{PLAIN}?{query_of(signed)}") == key_of(plain)


@given(OTHERS, OTHERS)
def test_addresses_without_a_signature_have_one_key_only_if_they_are_one(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
):
    same = query_of(one) == query_of(other)
    assert (key_of(f"{PLAIN}?{query_of(one)}") == key_of(f"{PLAIN}?{query_of(other)}")) is same


@given(st.text(max_size=40))
def test_what_is_left_of_a_query_is_final(text: str):
    assert unsigned(unsigned(text)) == unsigned(text)
    url = f"{PLAIN}?{text}"
    assert canonical(canonical(url)) == canonical(url)
