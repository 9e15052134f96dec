import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nltk.downloader
import pytest

from videonet.errors import UsageError
from videonet.targets.imagenet1k import imagenet1k_senses
from videonet.targets.wordnet import install, lineage, sense_named, sense_of, senses_of


@pytest.fixture
def debians_layout(wordnet: Path, tmp_path: Path) -> Path:
    """WordNet 3.0 as the package wordnet-base has it."""
    left_out = shutil.ignore_patterns("lexnames", "index.sense")
    return Path(shutil.copytree(wordnet, tmp_path / "debian", ignore=left_out))


def test_a_sense_is_found_by_its_id_its_name_and_its_noun(wordnet: Path) -> None:
    dog = sense_of("n02084071")
    assert dog is not None
    assert (dog.synset, dog.names) == ("dog.n.01", ("dog", "domestic dog", "Canis familiaris"))
    assert sense_named("domestic_dog.n.01") == dog
    assert senses_of("dogs")[0] == dog
    assert senses_of("domestic  dog") == (dog,)


def test_unknown_ids_names_and_nouns_are_no_errors(wordnet: Path) -> None:
    assert sense_of("n00000001") is None
    assert sense_named("dog.n.99") is None
    assert sense_named("run.v.01") is None
    assert senses_of("qwxz") == ()


def test_a_long_definition_is_shortened_for_people(wordnet: Path) -> None:
    shown = str(sense_of("n02084071"))
    assert shown.startswith("dog.n.01: a member of the genus Canis")
    assert shown.endswith(" ...")
    assert len(shown) <= 120


def test_a_lineage_goes_up_to_entity(wordnet: Path) -> None:
    assert {"n02085620", "n02084071", "n00001740"} <= lineage("n02085620")
    assert lineage("n99999999") == {"n99999999"}


@pytest.mark.slow
def test_many_threads_may_ask_at_once(wordnet: Path, nltk_path: list[str]) -> None:
    wnids = list(imagenet1k_senses())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(sense_of, wnids)) == list(imagenet1k_senses().values())


@pytest.mark.slow
def test_debians_files_are_completed_and_then_found(
    debians_layout: Path, wordnet: Path, nltk_path: list[str], tmp_path: Path
) -> None:
    data = tmp_path / "nltk_data"
    nltk_path.clear()
    assert install(debians_layout, data) == data / "corpora" / "wordnet"
    for generated in ("lexnames", "index.sense"):
        there = data / "corpora" / "wordnet" / generated
        assert there.read_bytes() == (wordnet / generated).read_bytes()
    assert [path.name for path in (data / "corpora").iterdir()] == ["wordnet"]
    assert sense_of("n02084071") is not None


@pytest.mark.slow
def test_damaged_files_do_not_replace_what_is_there(
    debians_layout: Path, nltk_path: list[str], tmp_path: Path
) -> None:
    there = tmp_path / "nltk_data" / "corpora" / "wordnet" / "data.noun"
    there.parent.mkdir(parents=True)
    there.write_text("before")
    nouns = debians_layout / "data.noun"
    nouns.write_text(nouns.read_text()[:1_000_000])
    with pytest.raises(UsageError, match="damaged"):
        install(debians_layout, tmp_path / "nltk_data")
    assert there.read_text() == "before"
    assert [path.name for path in there.parent.parent.iterdir()] == ["wordnet"]


def test_another_version_is_refused(
    debians_layout: Path, nltk_path: list[str], tmp_path: Path
) -> None:
    nouns = debians_layout / "data.noun"
    nouns.write_text(nouns.read_text().replace("WordNet 3.0", "WordNet 3.1"))
    with pytest.raises(UsageError, match=r"holds WordNet 3\.1; expected 3\.0, because ids"):
        install(debians_layout, tmp_path / "nltk_data")


@pytest.mark.slow
def test_another_version_that_nltk_finds_is_refused(
    wordnet: Path, nltk_path: list[str], tmp_path: Path
) -> None:
    there = tmp_path / "corpora" / "wordnet"
    shutil.copytree(wordnet, there, copy_function=shutil.copyfile)
    adjectives = there / "data.adj"
    adjectives.write_text(adjectives.read_text().replace("WordNet 3.0", "WordNet 3.1"))
    nltk_path[:] = [str(tmp_path)]
    with pytest.raises(UsageError, match=r"holds WordNet 3\.1.*videonet wordnet install"):
        sense_of("n02084071")


def test_a_folder_without_dict_files_is_refused(nltk_path: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"lacks cntlist\.rev, data\.noun"):
        install(tmp_path, tmp_path / "nltk_data")


def test_a_download_that_fails_is_told_with_the_way_around(
    nltk_path: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nltk.downloader.Downloader, "DEFAULT_URL", "http://127.0.0.1:9/index.xml")
    with pytest.raises(UsageError, match=r"cannot be downloaded .*give a folder"):
        install(target=tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(nltk_path: list[str], tmp_path: Path) -> None:
    (tmp_path / "corpora").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be installed in"):
        install(tmp_path, tmp_path)
