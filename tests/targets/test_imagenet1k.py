from pathlib import Path

import pytest

from scripts.make_imagenet import TABLE_1K, table_1k
from videonet.targets.imagenet1k import imagenet1k_labels, imagenet1k_senses
from videonet.targets.wordnet import lineage


def test_there_are_a_thousand_classes_in_ascending_order_of_their_wnids() -> None:
    wnids = list(imagenet1k_senses())
    assert len(wnids) == 1000
    assert wnids == sorted(wnids)


def test_labels_are_in_torchvisions_order() -> None:
    labels = imagenet1k_labels()
    assert [(labels[i].wnid, labels[i].name) for i in (0, 2, 151, 999)] == [
        ("n01440764", "tench"),
        ("n01484850", "great white shark"),
        ("n02085620", "Chihuahua"),
        ("n15075141", "toilet tissue"),
    ]


def test_every_class_has_a_name_of_more_than_one_letter_and_a_gloss() -> None:
    for sense in imagenet1k_senses().values():
        assert all(len(name) > 1 for name in sense.names)
        assert sense.gloss


def test_the_table_keeps_wordnets_licence() -> None:
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in TABLE_1K.read_text("utf-8")


@pytest.mark.slow
def test_the_table_is_what_wordnet_says(wordnet: Path) -> None:
    assert table_1k(imagenet1k_senses()) == TABLE_1K.read_text("utf-8")


def test_no_class_is_above_another(wordnet: Path) -> None:
    wnids = imagenet1k_senses().keys()
    assert all(lineage(wnid) & wnids == {wnid} for wnid in wnids)
