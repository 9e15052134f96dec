# ruff: noqa: RUF001 (letters that look like others are what titles have)
"""Catalogues of millions of titles, some with the name of a class planted in them.

    from benchmarks.many_titles import made_up, planted, write_catalogue

Every title is the first half of one title and the second half of another, so that no two need be
the same, and they look like what they were made of.
"""

import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from videonet.schemas.target import Target

EVERY = 100
"""One row in so many has a name planted in its title."""

GROUP = 100_000
"""Rows that are made, and written, at a time."""

# The commonest come first.
WORDS = """the a of to and in my how you for is with on video new official best this live 2017 make
we world top why vs day what full 10 from funny it trailer life first time game music home night
learn easy history review moments people show red little water making news full-length episode
don't it's city's can't behind scenes part challenge compilation tutorial interview highlights
documentary unboxing relaxing amazing biggest worst facts hours explained season"""

# A title in four has letters that are not ASCII.
OTHER_WORDS = """été mère l’été España cómo für größte não İstanbul Đà Nẵng Привет новости как
видео देखो हिन्दी में गाना சென்னை செய்திகள் தமிழ் ข่าว วันนี้ 한국어 고양이 동영상 かわいい動画 猫の日常
ニュース 可愛的貓 — – “quoted” … 🔥 🐶 😂😂 | ＮＥＷ ½ ™ مقطع فيديو חדשות"""

ENDS = ("", "", "!", " (HD)", " | 4")

WIDE = str.maketrans({letter: chr(ord(letter) + 0xFEE0) for letter in string.ascii_letters})
ACCENTED = str.maketrans({letter: letter + "\u0301" for letter in "aeiou"})


def made_up(targets: Sequence[Target], count: int = 40_000) -> list[str]:
    """Titles of 3 to 14 words; one in eight has a word of some class's name, or all of it."""
    generator = np.random.default_rng(0)
    names = [name for target in targets for name in (target.name, *target.synonyms)]
    ordinary, other = WORDS.split(), OTHER_WORDS.split()
    weights = 1 / (np.arange(len(ordinary)) + 3)
    shapes = (str, str.title, str.capitalize, str.upper)
    titles = []
    for _ in range(count):
        size = generator.integers(3, 15)
        words = generator.choice(ordinary, size, p=weights / weights.sum()).tolist()
        begin, place, chance, shape, end, name = generator.integers(
            np.array([size, size, 8, len(shapes), len(ENDS), len(names)])
        )
        if chance < 2:
            words[begin:] = generator.choice(other, size - begin).tolist()
        if chance == 2:
            words[place] = names[name]
        titles.append(shapes[shape](" ".join(words)) + ENDS[end])
    return titles


def planted(rank: int, targets: Sequence[Target]) -> Target | None:
    """The target whose name is planted in the title of a row, if there is one."""
    return None if rank % EVERY else targets[rank // EVERY % len(targets)]


def write_catalogue(
    file: Path, count: int, titles: Sequence[str], targets: Sequence[Target]
) -> None:
    """A Parquet catalogue with `count` rows. Memory does not grow with their number."""
    generator = np.random.default_rng(0)
    words = [title.split(" ") for title in titles]
    begins = pa.array([" ".join(each[: (len(each) + 1) // 2]) for each in words])
    ends = pa.array([" ".join(each[(len(each) + 1) // 2 :]) for each in words])
    licences = pa.array(["Creative Commons Attribution", "Standard", None])
    writer = None
    for first in range(0, count, GROUP):
        size = min(GROUP, count - first)
        begin, end = (each.take(drawn(generator, len(titles), size)) for each in (begins, ends))
        marks = np.arange(first, first + size) % EVERY == 0
        names = pa.array([disguised(first + at, targets) for at in np.flatnonzero(marks).tolist()])
        with_name = pc.binary_join_element_wise(
            begin.filter(pa.array(marks)), names, end.filter(pa.array(marks)), " "
        )
        title = pc.binary_join_element_wise(begin, end, " ")
        number = pa.array(np.arange(first, first + size)).cast(pa.string())
        video_id = pc.utf8_lpad(number, 11, "0")
        table = pa.table(
            {
                "id": video_id,
                "url": pc.binary_join_element_wise("https://example.org/watch?v=", video_id, ""),
                "title": pc.replace_with_mask(title, pa.array(marks), with_name),
                "duration": pa.array(generator.integers(5, 900, size)),
                "channel": pc.binary_join_element_wise("Channel", number, " "),
                "licence": licences.take(drawn(generator, len(licences), size)),
            }
        )
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def drawn(generator: np.random.Generator, below: int, size: int) -> pa.Array:
    """Random places."""
    return pa.array(generator.integers(below, size=size))


def disguised(rank: int, targets: Sequence[Target]) -> str:
    """A name of the target that is planted there, written as people write it."""
    target = planted(rank, targets)
    assert target is not None
    # Each target in turn, and each time by another name.
    turn, _ = divmod(rank // EVERY, len(targets))
    names = (target.name, *target.synonyms)
    name = names[turn % len(names)]
    disguises = (
        name,
        name.upper(),
        name.title(),
        f"({name})",
        f"{name}!!!",
        f"\N{DOG FACE}{name}\N{DOG FACE}",
        f"{name}'s",
        name.replace(" ", " - "),
        name.translate(WIDE),
        name.translate(ACCENTED),
    )
    return disguises[(turn + rank // EVERY) % len(disguises)]
