"""The options of a run that takes neighbours of images in place of classes."""

from pathlib import Path

from videonet.errors import UsageError
from videonet.schemas.selection import NOTHING_ELSE
from videonet.schemas.settings import CurateOptions
from videonet.sources.source_spec import searched_site

_NEIGHBOURS = "neighbours"


def check_selection(options: CurateOptions) -> None:
    """Raise UsageError where the options that say what is selected do not go together."""
    if options.select is None:
        if options.targets is None:
            raise UsageError(
                "Nothing says what is looked for; give --targets LIST, or images with --select "
                "neighbours:DIR."
            )
        if options.embedding is not None:
            raise UsageError("--embedding is for --select neighbours:DIR; give both, or neither.")
        for name in ("per_target", "image_clusters"):
            if getattr(options, name) != getattr(NOTHING_ELSE, name):
                raise UsageError(
                    f"--{name.replace('_', '-')} is for --select neighbours:DIR; leave it out."
                )
        return
    kind, _, place = options.select.partition(":")
    if kind != _NEIGHBOURS or not place:
        raise UsageError(
            f"--select {options.select} is not known; give neighbours:DIR, with a folder of images."
        )
    if options.embedding is None:
        raise UsageError(
            "--select neighbours:DIR needs an embedding to compare by; name an ONNX file with "
            "--embedding, whose output is features [N, D]."
        )
    if options.embedding.startswith("timm:"):
        raise UsageError(
            f"--embedding {options.embedding} is for the command; here, give the ONNX file that "
            "videonet.evaluation.embedding_file makes of it."
        )
    rules = ("min_frames", "min_probability", "first_match_before")
    given = [name for name in rules if getattr(options, name) != getattr(NOTHING_ELSE, name)]
    if given:
        raise UsageError(
            f"--{given[0].replace('_', '-')} is a rule on frames that show a class, and --select "
            "neighbours:DIR looks for none; leave out one of them."
        )
    if options.targets is None and searched_site(options.source) is not None:
        raise UsageError(
            f"--source {options.source} searches for words, and there are none; give --targets "
            "LIST, or a source that is read through: catalogue:FILE, folder:DIR, or store."
        )


def images_of(options: CurateOptions) -> Path | None:
    """The folder of images whose neighbours are taken; None: classes are looked for."""
    if options.select is None:
        return None
    return Path(options.select.partition(":")[2])


def model_of(options: CurateOptions) -> str:
    """The model that a run looks at videos with."""
    return options.classifier if options.embedding is None else options.embedding
