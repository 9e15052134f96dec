# ruff: noqa: RUF001 (letters that look like others are what is tested)
import html
import time
import unicodedata
from collections.abc import Sequence
from itertools import groupby, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from videonet.targets.title_matcher import TitleMatcher, normalise


def names_in(title: str, *names: str) -> tuple[str, ...]:
    return TitleMatcher({"target": names}).match(title).get("target", ())


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Great white shark!", "great white shark"),
        ("GREAT-WHITE  SHARK (full documentary)", "great white shark"),
        ("Two great white sharks", "great white shark"),
        ("Of mice and men", "mouse"),
        ("Wolves howling", "wolf"),
        ("Cacti in bloom", "cactus"),
        ("Cactuses in bloom", "cactus"),
        ("My mothers-in-law", "mother-in-law"),
        ("Both mother-in-laws", "mother-in-law"),
        ("Two coat-of-mail shells", "coat-of-mail shell"),
        ("A day in my dog's life", "dog"),
        ("A day in my dog\N{RIGHT SINGLE QUOTATION MARK}s life", "dog"),
        ("The dogs' home", "dog"),
        ("Learn the potter's wheel", "potter's wheel"),
        ("Learn the potters wheel", "potter's wheel"),
        ("How to carve a jack-o-lantern", "jack-o'-lantern"),
        ("Black T shirt", "T-shirt"),
        ("snake_case: dog_video_01", "dog"),
        ("🐶dog🐶", "dog"),
        ("Dog™ food", "dog"),
        ("In 's-Hertogenbosch", "s-Hertogenbosch"),
        ("ＤＯＧ ｖｉｄｅｏ", "dog"),
        ("𝐂𝐮𝐭𝐞 𝐃𝐨𝐠", "dog"),
        ("Une pièce montée", "piece montee"),
        ("Cafe\N{COMBINING ACUTE ACCENT}", "café"),
        ("Auf der Strasse", "Straße"),
        ("dog\N{VARIATION SELECTOR-16}", "dog"),
        ("1\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP} dog", "1"),
        ("hot\N{ZERO WIDTH SPACE}dog", "hot dog"),
        ("hot\N{SOFT HYPHEN}dog", "hotdog"),
        ("かわいいDogの動画", "dog"),
        ("可愛い猫の動画", "猫"),
        ("ネコの動画", "ネコ"),
        ("ｶﾞﾝﾀﾞﾑの動画", "ガンダム"),
        ("मेरा कुत्ता देखो", "कुत्ता"),
        ("4K video", "4k"),
    ],
)
def test_a_title_matches_when_it_contains_the_name(title: str, name: str) -> None:
    assert names_in(title, name) == (name,)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("How to carve a jack-o&#39;-lantern", "jack-o'-lantern"),
        ("How to carve a jack-o&#x27;-lantern", "jack-o'-lantern"),
        ("How to carve a jack-o&apos;-lantern", "jack-o'-lantern"),
        ("A day in my dog&rsquo;s life", "dog"),
        ("hot&nbsp;dog", "hot dog"),
        ("hot&amp;nbsp;dog", "hot dog"),
        ("hot&#160;dog", "hot dog"),
        ("&quot;Great white shark&quot;", "great white shark"),
        ("&amp;quot;Great white shark&amp;quot;", "great white shark"),
        ("jack-o&amp;#39;-lantern", "jack-o'-lantern"),
        ("jack-o&amp;amp;#39;-lantern", "jack-o'-lantern"),
        ("jack-o&#38;#39;-lantern", "jack-o'-lantern"),
        ("pi&egrave;ce mont&eacute;e", "pièce montée"),
        ("cafe&#769;", "café"),
        ("&#1082;&#1086;&#1090; dog", "кот"),
        ("&#29483;&#12398;dog", "猫"),
        ("dog&trade; food", "dog"),
        ("hot&shy;dog", "hotdog"),
        ("black &amp; white", "black white"),
        ("black & white", "black white"),
        ("rock&reggae", "reggae"),
        ("rock&reggae;", "reggae"),
        ("cat&dog;", "dog"),
        ("&#99999999;dog", "dog"),
        ("dog &#xD83D;", "dog"),
        ("dog", "d&#111;g"),
    ],
)
def test_what_html_escapes_is_read_as_what_it_stands_for(title: str, name: str) -> None:
    assert names_in(title, name) == (name,)
    matcher = TitleMatcher({"target": [name]})
    found = matcher.match_all(["nothing", title, "é", title])
    assert found == {1: {"target": (name,)}, 3: {"target": (name,)}}


@pytest.mark.parametrize("title", ["dog&amp;", "&&amp;;dog", "dog &amp;&", "&;dog", "&#;&#x;dog"])
def test_what_only_looks_escaped_does_no_harm(title: str) -> None:
    assert names_in(title, "dog") == ("dog",)


def test_a_title_that_is_escaped_without_an_end_takes_no_longer_than_others() -> None:
    begin = time.process_time()
    for title in ("&amp;" * 100_000, "&" + "amp;" * 100_000 + "!", "&" * 500_000):
        names_in(title, "dog")
    assert time.process_time() - begin < 5


@given(st.text("dog &;#39ampx'é猫", max_size=20), st.integers(0, 3))
@example("&d3;", 1)
@example("&amp;d3;", 2)
def test_how_often_a_title_was_escaped_does_not_matter(title: str, times: int) -> None:
    # As a page that is well made writes it: each "&" of a title is escaped.
    escaped = html.escape(title)
    assert normalise(escaped) == normalise(title) or "&" in title
    for _ in range(times):
        escaped = html.escape(escaped)
    assert normalise(escaped) == normalise(html.escape(title))


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        ("goldfish", "goldfishes"),
        ("goldfish", "goldfish"),
        ("jellyfish", "jellyfishes"),
        ("anemone fish", "anemone fishes"),
        ("triceratops", "triceratopses"),
        ("cyclops", "cyclopses"),
        ("clematis", "clematises"),
        ("platypus", "platypuses"),
        ("platypus", "platypi"),
        ("octopus", "octopi"),
        ("octopus", "octopuses"),
        ("chambered nautilus", "chambered nautili"),
        ("hippopotamus", "hippopotami"),
        ("rhinoceros", "rhinoceroses"),
        ("mantis", "mantises"),
        ("ibis", "ibises"),
        ("bus", "buses"),
    ],
)
def test_fish_and_latin_names_have_the_plurals_that_people_write(name: str, plural: str) -> None:
    assert names_in(f"Two {plural}!", name) == (name,)


def test_a_bus_is_not_taken_for_latin() -> None:
    assert names_in("bi", "bus") == ()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The catalogue", "cat"),
        ("The tomcat", "cat"),
        ("shark, great and white", "great white shark"),
        ("great white", "great white shark"),
        ("You don't know", "t"),
        ("You don't know", "don"),
        ("hotdog", "hot dog"),
        ("Tshirt", "T-shirt"),
        ("ours", "mine"),
        ("dog2", "dog"),
        ("कुत्ता", "क"),
        ("कुत्ता", "कुतता"),
        ("かき", "がき"),
        ("がき", "か"),
        ("ネコバス", "ネコ"),
        ("고양이가", "고양이"),
        ("", "dog"),
        ("🐶", "🐶"),
        ("anything", ""),
    ],
)
def test_a_title_does_not_match_otherwise(title: str, name: str) -> None:
    assert names_in(title, name) == ()


def test_all_matched_names_are_recorded_in_the_order_given() -> None:
    assert names_in(
        "White sharks: the great white shark", "great white shark", "orca", "shark"
    ) == (
        "great white shark",
        "shark",
    )


def test_overlapping_names_of_several_targets_are_all_found() -> None:
    matcher = TitleMatcher(
        {
            "n1": ["white shark", "shark"],
            "n2": ["great white"],
            "n3": ["great white shark"],
            "n4": ["shark"],
            "n5": ["great"],
        }
    )
    assert matcher.match("Great white shark") == {
        "n1": ("white shark", "shark"),
        "n2": ("great white",),
        "n3": ("great white shark",),
        "n4": ("shark",),
        "n5": ("great",),
    }


def test_of_many_titles_those_with_a_name_are_given_by_their_places() -> None:
    matcher = TitleMatcher({"n1": ["dog"], "n2": ["cat", "kitten"]})
    titles = ["a catalogue", "Chien (dog) été", "", "kittens, a cat", "dog\n", "猫 cat"]
    assert list(matcher.match_all(titles).items()) == [
        (1, {"n1": ("dog",)}),
        (3, {"n2": ("cat", "kitten")}),
        (4, {"n1": ("dog",)}),
        (5, {"n2": ("cat",)}),
    ]
    assert matcher.match_all([]) == {}


def test_a_name_never_reaches_from_one_title_into_the_next() -> None:
    matcher = TitleMatcher({"shark": ["great white shark"]})
    for end in ("", " ", "\0", "\n", "'", "é"):
        assert matcher.match_all([f"great white{end}", f"{end}shark"]) == {}


def test_a_matcher_without_names_finds_nothing() -> None:
    assert TitleMatcher({}).match("dog") == {}


def test_lone_surrogates_in_a_title_do_no_harm() -> None:
    assert names_in("dog \ud83d", "dog") == ("dog",)


@pytest.mark.parametrize("title", ["Flamingos in a pond", "flamingoes", "A FLAMINGO'S life"])
def test_both_plurals_of_a_word_in_o_are_accepted(title: str) -> None:
    assert TitleMatcher({"bird": ["flamingo"]}).match(title) == {"bird": ("flamingo",)}


# A second, slow form of the rule, from the names of characters and with plurals by hand.

PLURALS = {
    "dog": ["dogs"],
    "hot dog": ["hot dogs"],
    "great white shark": ["great white sharks"],
    "shark": ["sharks"],
    "mouse": ["mice"],
    "goose": ["geese"],
    "sheep": [],
    "box": ["boxes"],
    "fly": ["flies"],
    "mother-in-law": ["mothers-in-law", "mother-in-laws"],
    "Café": ["cafés"],
    "猫": [],
    "कुत्ता": ["कुत्ताs"],  # English is all that is inflected
}


def reference_words(text: str) -> list[str]:
    kept = ""
    for character in unicodedata.normalize("NFD", text.replace("\N{ACUTE ACCENT}", "'").casefold()):
        name = unicodedata.name(character, "")
        if character == "\N{RIGHT SINGLE QUOTATION MARK}":
            kept += "'"
        elif name.startswith(("CJK UNIFIED", "HIRAGANA")):
            kept += f" {character} "
        elif not name.startswith(("COMBINING", "VARIATION", "ZERO WIDTH JOINER")):
            part_of_word = unicodedata.category(character)[0] in "LNM" or character == "'"
            kept += character if part_of_word else " "
    words = []
    for chunk in kept.split():
        parts = chunk.split("'")  # "dog's" is dog, s
        word = parts[0]
        for before, part in pairwise(parts):
            word += "" if part == "s" and before else part
        words.append(word)
    return [word for word in words if word]


def reference_match(names: Sequence[str], title: str) -> tuple[str, ...]:
    words = reference_words(title)

    def contains(form: str) -> bool:
        wanted = reference_words(form)
        return any(words[at : at + len(wanted)] == wanted for at in range(len(words)))

    return tuple(name for name in names if any(map(contains, [name, *PLURALS[name]])))


written = st.one_of(
    st.sampled_from([form for name, plurals in PLURALS.items() for form in (name, *plurals)]),
    st.sampled_from(["great", "white", "hot", "in", "law", "s", "don't", "猫", "かわいい", "ता"]),
    st.text("dogsé'’ -_!.🐶", max_size=6),
)
between = st.sampled_from(["", " ", "-", "_", "'", "’s ", "! ", "🐶", "\u0301", "\u200d", "の"])
titles = st.lists(st.tuples(written, between), max_size=8).map(
    lambda parts: "".join(part + gap for part, gap in parts)
)


@given(titles, st.lists(st.sampled_from(list(PLURALS)), unique=True))
@example("dog's's", ["dog"])
@example("'s dog", ["dog"])
def test_it_agrees_with_the_slow_form_of_the_rule(title: str, names: list[str]) -> None:
    assert names_in(title, *names) == reference_match(names, title)


anything = st.one_of(
    titles,
    st.text(max_size=20),
    # What joins titles, cuts them into lines, or changes what stands beside it.
    st.text("dog \0\n\r\x85\u2028'’s-éか\u3099\u0301\u200d🐶猫ネ\ud83d", max_size=12),
    st.sampled_from(["dog" * 5_000, " dog" * 5_000, "é dog" * 5_000]),
)


@given(st.lists(anything, max_size=12))
@example(["dog\0", "\0dog", "a\0dog\0b", "\0", ""])
@example(["hot", "dog", "", "great white", "shark", "か", "\u3099dog", "dog\u0301"])
@example(["dog'", "s dog", "’", "’s dog", "'s"])
def test_many_titles_at_once_are_matched_as_each_by_itself(several: list[str]) -> None:
    matcher = TitleMatcher({name: [name] for name in PLURALS})
    each = {place: matcher.match(title) for place, title in enumerate(several)}
    assert matcher.match_all(several) == {place: found for place, found in each.items() if found}


@given(st.lists(titles, max_size=8))
def test_many_titles_at_once_agree_with_the_slow_form_of_the_rule(several: list[str]) -> None:
    matcher = TitleMatcher({"target": list(PLURALS)})
    slow = {place: reference_match(list(PLURALS), title) for place, title in enumerate(several)}
    found = matcher.match_all(several)
    assert {place: each["target"] for place, each in found.items()} == {
        place: names for place, names in slow.items() if names
    }


@given(titles)
def test_case_does_not_matter(title: str) -> None:
    assert names_in(title.upper(), *PLURALS) == names_in(title, *PLURALS)


@given(titles, st.data())
def test_punctuation_around_words_does_not_matter(title: str, data: st.DataObject) -> None:
    marks = st.sampled_from([" ", "!", " - ", "_", "...", " 🐶 ", "\u3000", "\n", "¿", "/"])
    punctuated = "".join(
        data.draw(marks) if blank else "".join(run)
        for blank, run in groupby(title, lambda character: character in " !")
    )
    assert names_in(punctuated, *PLURALS) == names_in(title, *PLURALS)


@given(st.sampled_from(["dog", "great white shark", "mouse"]), st.text("abc1é", max_size=3))
def test_a_name_within_a_longer_word_never_matches(name: str, letters: str) -> None:
    assert bool(names_in(f"a {letters}{name} b", name)) == (letters == "")
    assert bool(names_in(f"a {name}{letters}", name)) == (letters == "")


@given(st.text())
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_equivalent_spellings_in_unicode_are_one(text: str) -> None:
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(text)
    assert normalise(unicodedata.normalize("NFC", text)) == normalise(text)


@given(st.text(min_size=1))
def test_any_name_with_a_word_in_it_matches_itself(name: str) -> None:
    assert names_in(f"- {name} -", name) == ((name,) if normalise(name) else ())
