"""videonet.fetch.published_address: a word stands in the place of secrets, and all else stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.rows import row_of
from videonet.fetch.published_address import (
    REDACTED,
    is_redacted,
    published,
    published_text,
    published_video,
    secrets_of,
)
from videonet.schemas.video_info import VideoInfo
from videonet.sources.video_key import video_key

AMAZON = "X-Amz-Credential={0}&X-Amz-Date={0}&X-Amz-Signature={0}"


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PL1&t=3s",
        "https://www.youtube.com/@somebody/videos",
        "https://example.org/watch?key=1&id=2",
        "https://example.org/?author=me&authority=it&design=3&keyword=a&passage=4&tokio=5",
        "https://example.org:8080/@me/a@b.mp4",
        "https://[::1]:80/@me",
        "https://example.org/a;v=1/b?token=&auth",
        "https://example.org/a?expires=1&policy=2&Key-Pair-Id=3",
        "https://web.archive.org/web/2020/https://example.org/a.mp4?id=1",
        "a folder/me@home.mp4",
        "",
    ],
)
def test_an_address_without_secrets_stays_as_it_is(url: str):
    assert published(url) == url
    assert not is_redacted(url)
    assert secrets_of(url) == frozenset()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@h/a", "https://REDACTED@h/a"),
        ("https://t0ken@h/a", "https://REDACTED@h/a"),
        ("HTTPS://me:secret@h/a", "HTTPS://REDACTED@h/a"),
        ("//me:secret@h/a", "//REDACTED@h/a"),
        ("https:/me:secret@h/a", "https:/REDACTED@h/a"),
        ("me:secret@h/a?token=b", "REDACTED@h/a?token=REDACTED"),
        # As they should not be written.
        ("https://me:se/cret@h/a", "https://REDACTED@h/a"),
        ("https://me:se#cret@h/a", "https://REDACTED@h/a"),
        ("https://me:se?cret@h/a", "https://REDACTED@h/a"),
        ("https://me:se@cret@h/a", "https://REDACTED@h/a"),
        # Parameters, wherever they stand.
        ("https://h/a?token=b&key=c", "https://h/a?token=REDACTED&key=c"),
        ("https://h/a?key=c&sig=b", "https://h/a?key=c&sig=REDACTED"),
        ("https://h/a;jsessionid=b/c?d=e", "https://h/a;jsessionid=REDACTED/c?d=e"),
        ("https://h/a?b=c;auth=d;e", "https://h/a?b=c;auth=REDACTED"),
        ("https://h/a#access_token=b&c=d", "https://h/a#access_token=REDACTED&c=d"),
        ("https://h/a?b=c?token=d", "https://h/a?b=c?token=REDACTED"),
        ("https://h/a?token=b?c/d=e", "https://h/a?token=REDACTED"),
        # Addresses within addresses.
        ("https://h/?u=https://x/?sig=b", "https://h/?u=https://x/?sig=REDACTED"),
        ("https://h/?u=https%3A%2F%2Fx%3Fsig%3Db&c=d", "https://h/?u=REDACTED&c=d"),
        ("https://h/https://me:secret@x/a", "https://h/https://REDACTED@x/a"),
        ("https://h/?u=https://me:secret@x/a", "https://h/?u=https://REDACTED@x/a"),
        # Whatever they are called.
        ("https://h/?a=eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln", "https://h/?a=REDACTED"),
        ("https://h/?key=AIza" + 35 * "x", "https://h/?key=REDACTED"),
        ("https://h/?a=exp=1~acl=/*~hmac=b", "https://h/?a=REDACTED"),
        # A signature as a whole.
        (f"https://h/a?{AMAZON.format('b')}", f"https://h/a?{AMAZON.format(REDACTED)}"),
        (
            "https://h/a?Expires=1&id=2&Signature=b&Key-Pair-Id=c",
            "https://h/a?Expires=REDACTED&id=2&Signature=REDACTED&Key-Pair-Id=REDACTED",
        ),
        (
            "https://h/a?sv=2024&se=2&sig=b&id=sv",
            "https://h/a?sv=REDACTED&se=REDACTED&sig=REDACTED&id=sv",
        ),
    ],
)
def test_each_secret_gives_way_to_a_word(url: str, shown: str):
    assert published(url) == shown
    assert published(shown) == shown
    assert is_redacted(shown)
    assert not is_redacted(url)


@pytest.mark.parametrize(
    "name",
    [
        *("token", "access_token", "accessToken", "X-Plex-Token", "__token__", "to%6Ben", "TOKEN"),
        *("sig", "signature", "sign", "lsig", "auth", "auth_key", "wmsAuthSign", "Authorization"),
        *("apikey", "api_key", "API-Key", "secret", "client_secret", "password", "passwd", "pwd"),
        *("jwt", "hdnts", "hdnea", "PHPSESSID", "session_id", "AWSAccessKeyId", "GoogleAccessId"),
        *("Subscription-Key", "oauth_verifier", "ticket", "X-Amz-Credential", "cookie", "hmac"),
    ],
)
def test_parameters_that_hold_tokens_are_known_by_their_names(name: str):
    assert published(f"https://h/a?{name}=b") == f"https://h/a?{name}=REDACTED"


def test_addresses_within_texts_and_ids_are_redacted_and_paths_are_not():
    said = "see https://h/a?token=b and http://me:secret@h/ (https://h/c?id=1)"
    shown = "see https://h/a?token=REDACTED and http://REDACTED@h/ (https://h/c?id=1)"
    assert published_text(said) == shown
    of_the_web = VideoInfo(
        video_id="https://h/a?sig=b", url="https://h/a?sig=b", title=said, channel=said
    )
    video = published_video(of_the_web)
    assert (video.video_id, video.url) == ("https://h/a?sig=REDACTED",) * 2
    assert (video.title, video.channel) == (shown, shown)
    local = VideoInfo(video_id="a", url="a?token=b.mp4", root="/videos", title="A token=b")
    assert published_video(local) is local


def test_secrets_are_known_as_other_texts_may_have_them():
    url = "https://someone:p%40ssw0rd@h/a?token=abcdef%2Bgh&sig=short"
    assert secrets_of(url) >= {"someone:p@ssw0rd", "p%40ssw0rd", "p@ssw0rd", "abcdef+gh"}
    # Hidden as a word it would make other texts unreadable.
    assert "short" not in secrets_of(url)


@given(st.text(st.sampled_from("abT=&;?#/:@%.~ 2F3A") | st.characters(), max_size=60))
def test_what_is_published_is_final_for_any_text(text: str):
    for url in (text, f"https://{text}", f"https://h/a?token={text}"):
        shown = published(url)
        assert published(shown) == shown
        assert is_redacted(shown) or shown == url
        assert published_text(published_text(url)) == published_text(url)


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=20)


@given(WORDS, WORDS, WORDS)
def test_no_secret_is_left_and_what_names_the_video_stays(user: str, secret: str, video: str):
    url = f"https://{user}:{secret}x@h/{video}?key={video}&token={secret}&{AMAZON.format(secret)}"
    shown = published(url)
    assert shown == (
        f"https://REDACTED@h/{video}?key={video}&token=REDACTED&{AMAZON.format(REDACTED)}"
    )


@given(WORDS, WORDS)
def test_what_is_left_out_of_keys_leaves_the_key_of_what_is_published(secret: str, video: str):
    url = f"https://me:{secret}@h/{video}?key={video}&{AMAZON.format(secret)}"
    keys = {video_key(row_of(0, "x", each, None, "A cat")) for each in (url, published(url))}
    assert len(keys) == 1
