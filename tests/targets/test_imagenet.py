"""The lists of ImageNet's larger sets, and targets and labels made of them."""

from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.make_imagenet import FILES, TABLE, read_1k, read_lists, table, without_grammar
from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.target import MOST_NAMED
from videonet.targets.classifier_labels import Outputs
from videonet.targets.imagenet import (
    BUILT_IN,
    IMAGENET_LISTS,
    imagenet_classes,
    imagenet_labels,
    imagenet_lineage,
    imagenet_wnids,
    is_person,
    parse_table,
)
from videonet.targets.imagenet1k import imagenet1k_labels, imagenet1k_senses
from videonet.targets.resolve import (
    NAMELESS,
    PEOPLE,
    UNCONFIRMED,
    class_list_of,
    resolve_class_list,
    resolve_targets,
)
from videonet.targets.wordnet import lineage, sense_of

DOG, CHIHUAHUA, TOY_DOG, ANIMAL = "n02084071", "n02085620", "n02085374", "n00015388"
UNKNOWN = "n99999999"
PERSON, DANCER = "n00007846", "n09989502"
ALL = sorted(imagenet_classes())


def labels(*wnids: str) -> tuple[Label, ...]:
    return tuple(Label(wnid=wnid, name=wnid) for wnid in wnids)


def outputs_by_target(spec: str, of: tuple[Label, ...]) -> dict[str, tuple[int, ...]]:
    return {each.target_id: each.outputs for each in resolve_targets(spec, of)}


def test_each_list_has_as_many_classes_as_its_classifiers_have_outputs() -> None:
    assert {name: len(imagenet_wnids(name)) for name in IMAGENET_LISTS} == {
        "imagenet1k": 1_000,
        "imagenet12k": 11_821,
        "imagenet21k": 21_843,
        "imagenet22k": 21_841,
        "imagenet22k-ms": 21_842,
        "imagenet21k-miil": 11_221,
    }


needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")


@needs_timm
def test_classes_are_in_the_order_in_which_timm_has_them() -> None:
    assert read_1k() == list(imagenet1k_senses())
    for name, wnids in read_lists().items():
        assert imagenet_wnids(f"imagenet{name}") == tuple(wnids)
    assert len(FILES) == len(IMAGENET_LISTS) - 1


@needs_timm
@pytest.mark.slow
def test_the_table_is_what_timm_and_wordnet_say(wordnet: Path) -> None:
    assert table(read_lists()) == TABLE.read_text("utf-8")


def test_the_table_keeps_the_licences_of_both() -> None:
    head = "".join(line for line in TABLE.open(encoding="utf-8") if line.startswith("#"))
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in head
    assert "Copyright 2019 Ross Wightman" in head


def test_a_class_that_wordnet_lacks_is_in_the_table_without_a_name(wordnet: Path) -> None:
    classes = parse_table(table({"12k": [DOG, CHIHUAHUA, UNKNOWN]}))
    assert list(classes) == [DOG, CHIHUAHUA, UNKNOWN]
    assert classes[DOG].sense == sense_of(DOG)
    assert [each.nearest for each in classes.values()] == [(), (DOG,), ()]
    assert classes[UNKNOWN].sense is None


def test_a_class_without_a_name_is_left_out_and_listed() -> None:
    senses = {wnid: imagenet_classes()[wnid].sense for wnid in (DOG, CHIHUAHUA)}
    resolved = class_list_of("a list", {**senses, UNKNOWN: None}, Outputs(imagenet1k_labels()))
    assert [each.target_id for each in resolved.targets] == [DOG, CHIHUAHUA]
    assert resolved.left_out == {NAMELESS: (UNKNOWN,)}
    assert resolved.said_of_left_out.endswith("1 class (no name in WordNet 3.0).")


def test_all_classes_have_names_and_none_has_one_letter_only() -> None:
    for each in imagenet_classes().values():
        assert each.sense is not None
        assert each.sense.gloss
        assert all(len(name) > 1 for name in each.sense.names)


def test_words_of_grammar_and_bare_numbers_are_no_names_where_there_are_others() -> None:
    assert without_grammar(("can", "tin", "tin can")) == ["tin", "tin can"]
    assert without_grammar(("operating room", "OR")) == ["operating room"]
    assert without_grammar(("twenty-two", ".22")) == ["twenty-two"]
    assert without_grammar(("mine",)) == ("mine",)


def test_a_class_of_1k_has_the_same_names_in_all_lists() -> None:
    for wnid, sense in imagenet1k_senses().items():
        assert imagenet_classes()[wnid].sense == sense


def test_the_breed_is_below_the_dog_and_the_dog_below_the_animal() -> None:
    assert {CHIHUAHUA, TOY_DOG, DOG, ANIMAL} <= imagenet_lineage(CHIHUAHUA)
    assert CHIHUAHUA not in imagenet_lineage(DOG)


@given(st.sampled_from(ALL))
def test_what_is_above_a_class_is_also_above_all_below_it(wnid: str) -> None:
    above = imagenet_lineage(wnid)
    assert wnid in above
    assert all(imagenet_lineage(each) <= above for each in above)


@pytest.mark.parametrize("wnids", [ALL[::37], pytest.param(ALL, marks=pytest.mark.slow)])
def test_the_table_says_of_lineages_what_wordnet_says(wnids: list[str], wordnet: Path) -> None:
    for wnid in wnids:
        assert imagenet_lineage(wnid) == lineage(wnid) & imagenet_classes().keys()
        assert is_person(wnid) == (PERSON in lineage(wnid))
        sense, said = imagenet_classes()[wnid].sense, sense_of(wnid)
        assert sense is not None
        assert said is not None
        assert (sense.synset, sense.gloss) == (said.synset, said.gloss)
        assert set(sense.names) <= set(said.names)


@pytest.mark.usefixtures("no_wordnet")
class TestTargets:
    """None of this needs WordNet to be installed."""

    def test_an_output_at_or_below_a_target_counts_and_one_above_does_not(self) -> None:
        by_target = outputs_by_target("imagenet21k", labels(ANIMAL, CHIHUAHUA, DOG, TOY_DOG))
        assert by_target[ANIMAL] == (0, 1, 2, 3)
        assert by_target[DOG] == (1, 2, 3)
        assert by_target[TOY_DOG] == (1, 3)
        assert by_target[CHIHUAHUA] == (1,)

    def test_each_class_is_confirmed_by_its_own_output_and_those_below(self) -> None:
        of = imagenet_labels("imagenet12k")
        for target in resolve_targets("imagenet12k", of)[::20]:
            confirming = [str(of[index].wnid) for index in target.outputs]
            assert target.target_id in confirming
            assert all(target.target_id in imagenet_lineage(each) for each in confirming)

    def test_classes_of_people_are_left_out_unless_asked_for(self) -> None:
        of = labels(DOG, PERSON, DANCER)
        without = resolve_class_list("imagenet21k", of)
        assert {PERSON, DANCER}.isdisjoint(each.target_id for each in without.targets)
        assert len(without.left_out[PEOPLE]) == 2_837
        assert {PERSON, DANCER} <= set(without.left_out[PEOPLE])
        asked = resolve_class_list("imagenet21k+people", of)
        assert {PERSON, DANCER} <= {each.target_id for each in asked.targets}
        assert PEOPLE not in asked.left_out

    def test_all_of_a_list_is_a_target_or_left_out_for_a_reason(self) -> None:
        resolved = resolve_class_list("imagenet21k", imagenet1k_labels())
        counts = {why: len(wnids) for why, wnids in resolved.left_out.items()}
        assert counts == {PEOPLE: 2_837, UNCONFIRMED: 17_255}
        assert len(resolved.targets) + sum(counts.values()) == 21_843
        assert "2,837 classes (people; +people" in resolved.said_of_left_out
        assert "17,255 classes (no output" in resolved.said_of_left_out

    def test_a_data_set_has_the_number_of_what_is_left_out_and_the_first_names(self) -> None:
        account = resolve_class_list("imagenet21k", imagenet1k_labels()).account_of_left_out
        assert {each.why: each.classes for each in account} == {PEOPLE: 2_837, UNCONFIRMED: 17_255}
        assert {len(each.first) for each in account} == {MOST_NAMED}
        assert account[0].first[0] == "n00007846 person"
        assert len(msgspec.json.encode(account)) < 2_000
        few = resolve_class_list("imagenet1k", imagenet_labels("imagenet12k")).account_of_left_out
        assert [(each.classes, len(each.first)) for each in few] == [(7, 7)]

    def test_1k_for_a_classifier_of_12k_lacks_what_this_does_not_know(self) -> None:
        resolved = resolve_class_list("imagenet1k", imagenet_labels("imagenet12k"))
        assert len(resolved.targets) == 993
        assert len(resolved.left_out[UNCONFIRMED]) == 7

    def test_1k_for_its_own_classifier_is_whole(self) -> None:
        resolved = resolve_class_list("imagenet1k", imagenet1k_labels())
        assert (len(resolved.targets), resolved.left_out) == (1_000, {})

    @pytest.mark.parametrize("spec", BUILT_IN)
    def test_a_classifier_that_knows_none_of_a_list_is_refused(self, spec: str) -> None:
        with pytest.raises(UsageError, match=r"none of the [0-9,]+ classes of imagenet"):
            resolve_targets(spec, [Label(wnid=None, name="red circle")] * 2)
