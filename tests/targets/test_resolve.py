from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.target import Target
from videonet.targets.imagenet1k import imagenet1k_labels, imagenet1k_senses
from videonet.targets.resolve import resolve_targets

IMAGENET = imagenet1k_labels()
SHAPES = [Label(wnid=None, name=name) for name in ("red circle", "blue square, blue box", "dog")]
DOG_BREEDS = tuple(range(151, 269))

Resolve = Callable[..., tuple[Target, ...]]


@pytest.fixture
def resolve(tmp_path: Path) -> Resolve:
    def write_and_resolve(*lines: str, labels: Sequence[Label] = IMAGENET) -> tuple[Target, ...]:
        path = tmp_path / "classes.txt"
        path.write_text("\n".join(lines), "utf-8")
        return resolve_targets(str(path), labels)

    return write_and_resolve


@pytest.mark.usefixtures("no_wordnet")
class TestWithoutWordNet:
    def test_each_imagenet_class_is_confirmed_by_its_own_output(self) -> None:
        targets = resolve_targets("imagenet1k", IMAGENET)
        assert [target.outputs for target in targets] == [(index,) for index in range(1000)]
        shark = targets[2]
        assert (shark.target_id, shark.wnid) == ("n01484850", "n01484850")
        assert shark.name == "great white shark"
        assert "man-eater" in shark.synonyms
        assert shark.senses[0].startswith("great_white_shark.n.01: large aggressive shark")

    def test_a_wnid_of_imagenet_is_found(self, resolve: Resolve) -> None:
        (target,) = resolve("n02085620")
        assert (target.name, target.outputs) == ("Chihuahua", (151,))

    def test_names_that_follow_a_wnid_are_its_names(self, resolve: Resolve) -> None:
        tench, crane = resolve("n01440764 tench, Tinca tinca, doctor fish", "n03126707 crane")
        assert (tench.target_id, tench.wnid) == ("n01440764", "n01440764")
        assert (tench.name, tench.synonyms) == ("tench", ("Tinca tinca", "doctor fish"))
        assert (tench.outputs, crane.outputs) == ((0,), (517,))
        assert tench.senses[0].startswith("tench.n.01")

    def test_all_classes_of_imagenet_may_be_listed_with_their_names(self, resolve: Resolve) -> None:
        senses = imagenet1k_senses()
        lines = [f"{wnid} {', '.join(sense.names)}" for wnid, sense in senses.items()]
        assert [target.outputs for target in resolve(*lines)] == [(i,) for i in range(1000)]

    def test_names_confirm_a_wnid_where_labels_have_none(self, resolve: Resolve) -> None:
        (target,) = resolve("n02084071 dog, domestic dog", labels=SHAPES)
        assert (target.target_id, target.name, target.outputs) == ("n02084071", "dog", (2,))

    def test_a_wnid_with_names_is_one_target_however_often(self, resolve: Resolve) -> None:
        with pytest.raises(UsageError, match="it is the target of line 1 again"):
            resolve("n01440764 tench", "n01440764")

    def test_the_order_of_labels_does_not_matter(self, resolve: Resolve) -> None:
        (target,) = resolve("n01440764", labels=IMAGENET[::-1])
        assert target.outputs == (999,)

    def test_an_output_that_is_no_wordnet_class_is_no_hindrance(self, resolve: Resolve) -> None:
        background = Label(wnid=None, name="background")
        (target,) = resolve("n01440764", labels=(background, *IMAGENET))
        assert target.outputs == (1,)

    def test_names_are_confirmed_by_labels_that_are_called_so(self, resolve: Resolve) -> None:
        (target,) = resolve("Crane!: excavator, tench")
        assert target.target_id == "Crane!"
        assert (target.name, target.synonyms) == ("Crane!", ("excavator", "tench"))
        assert target.outputs == (134, 517)
        assert (target.wnid, target.senses) == (None, ())

    def test_a_name_that_no_label_has_is_confirmed_by_its_synonyms(self, resolve: Resolve) -> None:
        (target,) = resolve("my shape: blob, red circle", labels=SHAPES)
        assert [SHAPES[index].name for index in target.outputs] == ["red circle"]

    @pytest.mark.parametrize("line", ["dog", "dog.n.01", "n02084071", "puppies: doggos"])
    def test_what_needs_wordnet_says_how_to_get_it(self, resolve: Resolve, line: str) -> None:
        with pytest.raises(UsageError, match=r"line 2 of .* 'videonet wordnet install'"):
            resolve("n01440764", line)

    def test_labels_beyond_imagenet_need_wordnet(self) -> None:
        with pytest.raises(UsageError, match="videonet wordnet install"):
            resolve_targets("imagenet1k", [*IMAGENET, Label(wnid="n00001740", name="entity")])


class TestLabelsWithoutWordNetIds:
    def test_a_noun_is_compared_with_the_labels(self, resolve: Resolve) -> None:
        circle, box = resolve("Red Circle", "blue_box", labels=SHAPES)
        assert (circle.target_id, circle.outputs) == ("Red Circle", (0,))
        assert (box.target_id, box.name, box.outputs) == ("blue_box", "blue box", (1,))

    def test_several_labels_may_confirm_a_target(self, resolve: Resolve) -> None:
        (target,) = resolve("shape: red circle, blue square", labels=SHAPES)
        assert target.outputs == (0, 1)

    def test_a_near_name_is_suggested(self, resolve: Resolve) -> None:
        with pytest.raises(UsageError, match=r"red circl\).*did you mean red circle\?"):
            resolve("red circl", labels=SHAPES)

    def test_a_class_is_found_by_its_name_rather_than_by_a_synonym_of_another(
        self, resolve: Resolve
    ) -> None:
        labels = [Label(wnid=None, name=label.name) for label in IMAGENET]
        grouse, partridge = resolve("n01797886", "n01807496", labels=labels)
        assert (grouse.name, grouse.outputs) == ("ruffed grouse", (82,))
        assert (partridge.name, partridge.outputs) == ("partridge", (86,))

    @pytest.mark.usefixtures("wordnet")
    def test_a_synset_is_compared_by_its_names(self, resolve: Resolve) -> None:
        (target,) = resolve("dog.n.01", labels=SHAPES)
        assert target.outputs == (2,)


@pytest.mark.usefixtures("wordnet")
class TestWithWordNet:
    def test_a_synonym_does_not_say_what_a_known_name_is(self, resolve: Resolve) -> None:
        # A plane is a tool too, and one that the classifier knows.
        plain, planes = resolve("airplane: aeroplane"), resolve("airplane: plane, aeroplane")
        assert plain[0].outputs == planes[0].outputs
        assert IMAGENET[planes[0].outputs[0]].name.startswith("airliner")

    def test_an_unknown_name_is_confirmed_by_its_synonyms(self, resolve: Resolve) -> None:
        (target,) = resolve("my own thing: excavator, crane")
        assert target.outputs == (134, 517)

    @pytest.mark.parametrize("line", ["dog", "dog.n.01", "n02084071", "Dogs", "dog: doggo"])
    def test_dog_is_confirmed_by_exactly_the_118_breeds(self, resolve: Resolve, line: str) -> None:
        (target,) = resolve(line)
        assert target.outputs == DOG_BREEDS
        assert target.wnid == "n02084071"
        assert [sense.split(":")[0] for sense in target.senses] == ["dog.n.01"]

    def test_a_target_is_known_by_what_its_line_says(self, resolve: Resolve) -> None:
        targets = resolve("n02084071", "Great White Shark", "domestic_cat.n.01", "pup: dog")
        assert [target.target_id for target in targets] == [
            "n02084071",
            "Great White Shark",
            "domestic_cat.n.01",
            "pup",
        ]

    def test_a_synset_is_known_by_wordnets_own_name_of_it(self, resolve: Resolve) -> None:
        (target,) = resolve("domestic_dog.n.01")
        assert (target.target_id, target.name) == ("dog.n.01", "dog")

    def test_an_ambiguous_noun_is_taken_in_all_senses_that_can_be_confirmed(
        self, resolve: Resolve
    ) -> None:
        (crane,) = resolve("crane")
        assert crane.outputs == (134, 517)
        assert crane.wnid is None
        assert [sense.split(":")[0] for sense in crane.senses] == ["crane.n.04", "crane.n.05"]

    def test_a_noun_brings_the_names_of_its_senses(self, resolve: Resolve) -> None:
        cat, shark = resolve("Cat", "great white shark")
        assert (cat.name, cat.synonyms) == ("Cat", ("true cat", "big cat"))
        assert shark.synonyms[:2] == ("white shark", "man-eater")

    def test_given_synonyms_are_all_there_are(self, resolve: Resolve) -> None:
        (target,) = resolve("dog: doggo, pooch")
        assert (target.name, target.synonyms) == ("dog", ("doggo", "pooch"))

    def test_any_class_above_an_output_will_do(self, resolve: Resolve) -> None:
        animal, entity = resolve("animal", "n00001740")
        assert animal.outputs == tuple(range(398))
        assert len(entity.outputs) == 1000

    def test_labels_may_lie_above_one_another(self, resolve: Resolve) -> None:
        labels = [Label(wnid="n02084071", name="dog"), Label(wnid="n01322604", name="puppy")]
        dog, puppy = resolve("n02084071", "n01322604", labels=labels)
        assert (dog.outputs, puppy.outputs) == ((0, 1), (1,))

    @pytest.mark.parametrize("line", ["giraffe", "giraffe.n.01", "n02439033", "giraffe: twiga"])
    def test_a_class_that_no_output_confirms_is_refused(self, resolve: Resolve, line: str) -> None:
        with pytest.raises(UsageError, match=r"line 2 \(.*\): no output of the classifier"):
            resolve("dog", line)

    @pytest.mark.parametrize("line", ["n99999999", "dog.n.99", "dog.n.00", "run.v.01", "qwxz"])
    def test_what_wordnet_does_not_know_is_refused(self, resolve: Resolve, line: str) -> None:
        with pytest.raises(UsageError, match=rf"line 1 \({line}\): WordNet 3.0 has no such noun"):
            resolve(line)

    def test_a_misspelt_word_is_answered_with_near_names(self, resolve: Resolve) -> None:
        with pytest.raises(UsageError, match=r"did you mean .*chihuahua"):
            resolve("chihuaha")

    @pytest.mark.parametrize("again", ["dog", "DOG", "dog: puppy"])
    def test_a_target_given_twice_is_refused_by_its_lines(
        self, resolve: Resolve, again: str
    ) -> None:
        with pytest.raises(UsageError, match=r"line 3 \((dog|DOG)\): it is the target of line 1"):
            resolve("dog", "cat", again)

    def test_all_problems_are_told_at_once_and_ten_are_spelt_out(self, resolve: Resolve) -> None:
        with pytest.raises(UsageError, match="12 of the 13 targets") as raised:
            resolve("dog", *(f"qwxz{number}" for number in range(12)))
        assert str(raised.value).count("WordNet 3.0 has no such noun") == 10
        assert str(raised.value).endswith("and 2 more")
