"""Writes OUT/README.md: templates, filled with what the manifest says and the verdicts count to.

What the card says stands in `templates/`; its numbers come from here. Nothing in it is of the clock
or the machine: the same manifest and verdicts give the same bytes.
"""

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from videonet.dataset.card import biases, contents, provenance
from videonet.dataset.card.exclusions import exclusions_of
from videonet.dataset.card.facts import CardFacts
from videonet.dataset.card.header import header
from videonet.dataset.card.markdown import literal, paragraph, plain
from videonet.dataset.card.numbers import LARGE, LARGEST_CHANNELS, UNCERTAIN, numbers_of
from videonet.schemas.manifest import Manifest
from videonet.schemas.shown import printable
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import (
    file_size,
    number,
    number_of,
    part_of,
    playing_time,
    share,
    too_short,
)
from videonet.video.clips import CLIP_SECONDS, WINDOW
from videonet.video.motion import STILL

NAME = "README.md"


def write_card(output: DatasetDir, manifest: Manifest) -> None:
    """Write OUT/README.md, for the verdicts that lie in OUT and the manifest that is to.

    Raises UsageError if the verdicts or the lock file cannot be read.
    """
    settings = manifest.settings
    numbers = numbers_of(output, settings, inherits=settings.looks_for_duplicates)
    facts = CardFacts(output, manifest, numbers)
    output.files.write(NAME, printable(_card(facts)).encode())


def _card(facts: CardFacts) -> str:
    manifest = facts.manifest
    return (
        _environment()
        .get_template("card.md.jinja")
        .render(
            facts=facts,
            manifest=manifest,
            settings=manifest.settings,
            totals=manifest.totals,
            numbers=facts.numbers,
            header=header(facts),
            # how it was made
            site_kind=provenance.site_kind(facts),
            pairs=provenance.pair_counts(facts),
            left_out=provenance.left_out(facts),
            exclusions=exclusions_of(facts),
            setting_rows=provenance.setting_rows(facts),
            # what is in it
            class_table=contents.class_table(facts),
            shards_by_format=contents.shards_by_format(facts),
            # what to beware of
            imbalance=biases.imbalance(facts),
            recognition=biases.recognition(facts),
            certainty=biases.certainty(facts),
            spans=biases.spans(facts),
            other_hosts=biases.other_hosts(facts),
            # constants
            clip_seconds=float(CLIP_SECONDS),
            window=float(WINDOW),
            largest_channels=LARGEST_CHANNELS,
            large=LARGE,
            uncertain=UNCERTAIN,
            still=STILL,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # that is for HTML; here, texts of others go through `plain`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "file_size": file_size,
        "literal": literal,
        "number": number,
        "number_of": number_of,
        "paragraph": paragraph,
        "part_of": part_of,
        "plain": plain,
        "playing_time": playing_time,
        "seconds": _seconds,
        "share": share,
        "thousands": _thousands,
        "too_short": too_short,
    }
    return environment


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _thousands(value: int) -> str:
    return f"{value:,}"


def _seconds(value: float) -> str:
    return f"{value:,.1f} s"
