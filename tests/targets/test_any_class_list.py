"""Whatever a class list says: it is a class, or a sentence says what is wrong."""

# ruff: noqa: RUF001 (digits of other scripts are what is tested)

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.targets.imagenet1k import imagenet1k_labels
from videonet.targets.resolve import resolve_targets

_PIECES = st.sampled_from(
    [
        *("n01440764", "n00000000", "n99999999", "n00001740", "n02084071", "n0208407", "٠١٢٣٤٥٦٧"),
        *("dog", "dogs", "crane", "tench", "Tinca tinca", "entity", "goldfish", "é", "猫", "🐶"),
        *(".n.01", ".n.00", ".n.99", ".v.01", ".a.1", ".n." + "9" * 5_000, ".n.٣", ".", ".."),
        *(" ", "\t", ":", ",", ";", "#", " # ", "_", "-", "'", "/", "\\", "%", "*", "(", "|"),
        *("\0", "\x0b", "\x85", "\u2028", "\ufeff", "\x1b[31m", "\u202e", "x" * 5_000, "&amp;"),
        *("the", "a", "of", "s", "1", "0x10", "None", "nan"),
    ]
)
_LINES = st.one_of(st.text(max_size=8), st.lists(_PIECES, max_size=5).map("".join))
_SHAPES = [Label(wnid=None, name=name) for name in ("red circle", "dog", "")]


@pytest.mark.usefixtures("wordnet")
@given(st.lists(_LINES, min_size=1, max_size=3), st.booleans())
@example(["dog.n." + "9" * 5_000], True)
@example(["n٠١٢٣٤٥٦٧ dog"], True)
@example(["n00000000 dog"], True)
def test_any_class_list_is_resolved_or_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], in_wordnet: bool
):
    path = tmp_path_factory.mktemp("lists") / "classes.txt"
    path.write_bytes("\n".join(lines).encode("utf-8", "replace"))
    with suppress(UsageError):
        targets = resolve_targets(str(path), imagenet1k_labels() if in_wordnet else _SHAPES)
        assert all(target.outputs and target.name for target in targets)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_class_list_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
):
    path = tmp_path_factory.mktemp("lists") / "classes.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        resolve_targets(str(path), _SHAPES)


@pytest.mark.parametrize("name", ["x" * 5_000, "x/" * 2_500, "nul\0"])
def test_a_class_list_whose_name_no_file_system_takes_is_refused(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="cannot be read"):
        resolve_targets(str(tmp_path / name), _SHAPES)
