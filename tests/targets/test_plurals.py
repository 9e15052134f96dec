"""videonet.targets.plurals: what one calls several of a thing."""

import subprocess
import sys

import pytest

from videonet.targets.plurals import plurals_of


@pytest.mark.parametrize(
    ("noun", "plurals"),
    [
        ("cactus", ("cactuses", "cacti")),
        ("mother-in-law", ("mothers-in-law", "mothers-in-law")),
        ("hot dog", ("hot dogs", "hot dogs")),
        ("mine", ("mines", "mines")),
        ("sheep", ("sheep", "sheep")),
    ],
)
def test_a_noun_has_a_modern_and_a_classical_plural(noun: str, plurals: tuple[str, str]):
    assert plurals_of(noun) == plurals


def test_inflect_and_its_checks_are_for_others_what_they_were():
    code = (
        "import typeguard; checks = typeguard.typechecked\n"
        "from videonet.targets.plurals import plurals_of; plurals_of('cactus')\n"
        "assert typeguard.typechecked is checks\n"
        "import inflect; print(inflect.engine().plural_noun('ox'))\n"
        "try: inflect.engine().plural_noun(1)\n"
        "except typeguard.TypeCheckError: print('checked')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["oxen", "checked"], done.stderr
