"""From the lines of a class list to targets: names for titles, outputs that confirm them."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.target import MOST_NAMED, LeftOutClasses, Target
from videonet.storage.inputs import local_input
from videonet.targets import wordnet
from videonet.targets.class_list import Entry, Names, Noun, Synset, Wnid, read_class_list
from videonet.targets.classifier_labels import Outputs
from videonet.targets.imagenet import (
    BUILT_IN,
    WITH_PEOPLE,
    imagenet_classes,
    imagenet_name,
    imagenet_wnids,
    is_person,
)
from videonet.targets.imagenet1k import IMAGENET_1K, imagenet1k_labels, imagenet1k_senses
from videonet.targets.synset import Sense
from videonet.targets.title_matcher import normalise
from videonet.text import number

_NAMED = 10  # problems that one message spells out


@dataclass(frozen=True)
class ClassList:
    """A class list, resolved."""

    targets: tuple[Target, ...]
    # of a list that is built in: why classes were left out -> their wnids
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def account_of_left_out(self) -> tuple[LeftOutClasses, ...]:
        """What a data set says of them: how many, why, and the first of them by name."""
        return tuple(
            LeftOutClasses(
                why=why,
                classes=len(wnids),
                first=tuple(f"{wnid} {imagenet_name(wnid)}" for wnid in wnids[:MOST_NAMED]),
            )
            for why, wnids in self.left_out.items()
        )

    @property
    def said_of_left_out(self) -> str:
        """How many classes were left out, and why, as a sentence."""
        counts = (
            f"{number(len(wnids), 'class', 'classes')} ({why})"
            for why, wnids in self.left_out.items()
        )
        return f"Left out of the class list: {'; '.join(counts)}."


# Why a class is left out of a list that is built in.
PEOPLE = f"people; {WITH_PEOPLE} at the end of the list's name takes them in"
NAMELESS = "no name in WordNet 3.0"
UNCONFIRMED = "no output of the classifier confirms it"


def resolve_targets(spec: str, labels: Sequence[Label] | None = None) -> tuple[Target, ...]:
    """The targets of a class list, in its order, for a classifier whose outputs have `labels`.

    `spec` is a list that is built in, or the path or address of a file with one target a line: a
    wnid (n02084071), a synset (dog.n.01), a noun (dog), or `name: synonym, synonym`. Without
    `labels`, those of ImageNet-1k are taken.

    - A wnid or synset is confirmed by the outputs at or below it in WordNet. Names that follow a
      wnid (`n01440764 tench, Tinca tinca`) are its names, instead of WordNet's.
    - A noun is taken in all its senses that at least one output confirms.
    - `name: synonym` is confirmed by the outputs whose label is the name; if there are none, by
      those that confirm the name as a noun; if there are none, by the synonyms likewise.
    - Where no label has a wnid, names are compared instead, and WordNet only supplies the names
      of wnids and synsets.
    - Built in are imagenet1k, imagenet12k, imagenet21k and imagenet22k, each without the classes
      that no output confirms. The larger ones are without people, but for imagenet21k+people.

    Raises `UsageError` when the list cannot be read, when a target is unknown, given twice or
    confirmed by no output (naming up to ten of them), and when WordNet is needed and missing.

    >>> targets = resolve_targets("imagenet1k")
    >>> targets[100].name, targets[100].synonyms, targets[100].outputs
    ('black swan', ('Cygnus atratus',), (100,))
    """
    return resolve_class_list(spec, labels).targets


def resolve_class_list(spec: str, labels: Sequence[Label] | None = None) -> ClassList:
    """As `resolve_targets`, with what was left out of a list that is built in."""
    outputs = Outputs(imagenet1k_labels() if labels is None else labels)
    if spec in BUILT_IN:
        return _built_in(spec, outputs)
    return ClassList(_of_file(spec, outputs))


def _built_in(spec: str, outputs: Outputs) -> ClassList:
    if spec == IMAGENET_1K:
        return class_list_of(spec, imagenet1k_senses(), outputs)
    classes = imagenet_classes()
    senses = {wnid: classes[wnid].sense for wnid in imagenet_wnids(spec.removesuffix(WITH_PEOPLE))}
    people = () if spec.endswith(WITH_PEOPLE) else filter(is_person, senses)
    return class_list_of(spec, senses, outputs, frozenset(people))


def class_list_of(
    spec: str,
    senses: Mapping[str, Sense | None],
    outputs: Outputs,
    people: Collection[str] = (),
) -> ClassList:
    """The list called `spec` of classes of these wnids, without `people`."""
    targets = []
    left_out: dict[str, list[str]] = {PEOPLE: [], NAMELESS: [], UNCONFIRMED: []}
    for wnid, sense in senses.items():
        if wnid in people:
            left_out[PEOPLE].append(wnid)
        elif sense is None:
            left_out[NAMELESS].append(wnid)
        elif confirming := outputs.confirming(sense):
            targets.append(_target(wnid, *_names_of(sense), confirming, [sense]))
        else:
            left_out[UNCONFIRMED].append(wnid)
    if not targets:
        raise UsageError(
            f"none of the {len(senses):,} classes of {spec} is confirmed by an output of the "
            "classifier; give a list of classes that it knows"
        )
    return ClassList(
        tuple(targets), {why: tuple(wnids) for why, wnids in left_out.items() if wnids}
    )


def _of_file(spec: str, outputs: Outputs) -> tuple[Target, ...]:
    entries = read_class_list(local_input(spec))
    targets: dict[str, tuple[int, Target]] = {}
    problems: list[str] = []
    for line, entry in entries.items():
        try:
            target = _resolve(entry, outputs)
            earlier, _ = targets.setdefault(target.target_id.casefold(), (line, target))
            if earlier != line:
                raise UsageError(f"it is the target of line {earlier} again")
        except wordnet.WordNetMissingError as error:
            raise UsageError(f"line {line} of {spec} ({entry.text}): {error}") from error
        except UsageError as error:
            problems.append(f"line {line} ({entry.text}): {error}")
    if problems:
        more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        raise UsageError(
            f"{len(problems)} of the {len(entries)} targets of {spec} cannot be used, correct "
            f"the list or choose another: {'; '.join(problems[:_NAMED])}{more}"
        )
    return tuple(target for _, target in targets.values())


def _resolve(entry: Entry, outputs: Outputs) -> Target:
    """The target of one line. Raises `UsageError` saying what is wrong with that line."""
    match entry:
        case Wnid(wnid, names):
            return _of_wnid(wnid, names, outputs)
        case Synset(name):
            sense = wordnet.sense_named(name)
            return _of_sense(sense.synset if sense else name, sense, outputs)
        case Noun(name):
            return _of_noun(name, outputs)
        case Names(name, synonyms):
            return _of_names(name, synonyms, outputs)


def _of_wnid(wnid: str, names: Sequence[str], outputs: Outputs) -> Target:
    if names and not outputs.in_wordnet:
        # What the outputs are called is all there is to go by, and names are given.
        found = outputs.called(names[:1]) or outputs.called(names)
        return _target(
            wnid, names[0], names[1:], found, (), "" if found else _near(names[0], outputs)
        )
    sense = imagenet1k_senses().get(wnid) or wordnet.sense_of(wnid)
    target = _of_sense(wnid, sense, outputs)
    if not names:
        return target
    return msgspec.structs.replace(target, name=names[0], synonyms=tuple(names[1:]))


def _of_sense(target_id: str, sense: Sense | None, outputs: Outputs) -> Target:
    if sense is None:
        raise UsageError("WordNet 3.0 has no such noun")
    return _target(target_id, *_names_of(sense), outputs.confirming(sense), [sense])


def _names_of(sense: Sense) -> tuple[str, Sequence[str]]:
    name, *synonyms = sense.names
    return name, synonyms


def _of_noun(given: str, outputs: Outputs) -> Target:
    name = " ".join(given.replace("_", " ").split())
    if not outputs.in_wordnet:
        found = outputs.called([name])
        return _target(given, name, (), found, (), "" if found else _near(name, outputs))
    senses = wordnet.senses_of(name)
    if not senses:
        raise UsageError(f"WordNet 3.0 has no such noun{_near(name, outputs)}")
    taken = [sense for sense in senses if outputs.confirming(sense)]
    synonyms = dict.fromkeys(
        each for sense in taken for each in sense.names if normalise(each) != normalise(name)
    )
    found = _union(taken, outputs)
    return _target(given, name, synonyms, found, taken, "" if found else _near(name, outputs))


def _of_names(name: str, synonyms: Sequence[str], outputs: Outputs) -> Target:
    found: set[int] = set()
    taken: list[Sense] = []
    # The name says what the class is. A synonym is for titles, and may mean other things besides:
    # "airplane: plane" is no carpenter's plane. It decides only where the name is unknown.
    for names in ([name], synonyms):
        found = outputs.called(names)
        if not found and outputs.in_wordnet:
            senses = dict.fromkeys(sense for each in names for sense in wordnet.senses_of(each))
            taken = [sense for sense in senses if outputs.confirming(sense)]
            found = _union(taken, outputs)
        if found:
            break
    return _target(name, name, synonyms, found, taken, "" if found else _near(name, outputs))


def _target(
    target_id: str,
    name: str,
    synonyms: Iterable[str],
    outputs: set[int],
    senses: Sequence[Sense],
    hint: str = "",
) -> Target:
    if not outputs:
        raise UsageError(f"no output of the classifier confirms it{hint}")
    return Target(
        target_id=target_id,
        name=name,
        synonyms=tuple(synonyms),
        wnid=senses[0].wnid if len(senses) == 1 else None,
        outputs=tuple(sorted(outputs)),
        senses=tuple(map(str, senses)),
    )


def _union(senses: Iterable[Sense], outputs: Outputs) -> set[int]:
    return set().union(*map(outputs.confirming, senses))


def _near(name: str, outputs: Outputs) -> str:
    """Names like `name` that some output confirms, as the end of a sentence."""
    near = difflib.get_close_matches(normalise(name), outputs.names(), cutoff=0.75)
    return f"; did you mean {' or '.join(near)}?" if near else ""
