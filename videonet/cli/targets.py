"""`videonet targets`: what a class list means."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from videonet.cli.terminal import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from videonet.schemas.label import Label
    from videonet.schemas.target import Target


def targets(
    class_list: Annotated[
        str,
        typer.Argument(
            metavar="LIST",
            help="imagenet1k, imagenet12k, imagenet21k, imagenet22k, or a file with one class "
            "a line.",
        ),
    ],
    classifier: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="ONNX file whose outputs confirm the classes; without it, ImageNet-1k's.",
        ),
    ] = None,
) -> None:
    """Resolve a class list: names, synonyms, classifier outputs that confirm, senses taken.

    Of more than 1,000 targets, each is a line with tabs. What is left out of a list that is built
    in follows: people, unless it is given as imagenet21k+people, and what no output confirms.

    Example: videonet targets classes.txt --classifier model.onnx
    """
    # Here, for nltk and ONNX Runtime are slow, and --help need not be.
    from videonet.classifier.shared import shared_classifier
    from videonet.targets.imagenet import imagenet_name
    from videonet.targets.imagenet1k import imagenet1k_labels
    from videonet.targets.resolve import resolve_class_list

    labels = shared_classifier(classifier, "cpu").labels if classifier else imagenet1k_labels()
    resolved = resolve_class_list(class_list, labels)
    rows = [_row(target, labels) for target in resolved.targets]
    console = Console()
    if len(rows) > _MOST_IN_TABLE:
        for row in rows:
            console.out("\t".join(row).replace("\n", "; "), highlight=False)
    else:
        table = Table("target", "names", "confirmed by", "senses", show_lines=True)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for why, wnids in resolved.left_out.items():
        for wnid in wnids:
            console.out(f"left out\t{wnid}\t{imagenet_name(wnid)}\t{why}", highlight=False)
    if resolved.left_out:
        console.print(resolved.said_of_left_out, soft_wrap=True)


# Rich takes a second for each thousand rows, and what is long is searched, not read.
_MOST_IN_TABLE = 1000


def _row(target: "Target", labels: "Sequence[Label]") -> tuple[str, str, str, str]:
    """Id, names, outputs that confirm it, senses."""
    outputs = [f"{index} {labels[index].name.partition(',')[0]}" for index in target.outputs[:6]]
    more = ", ..." if len(target.outputs) > len(outputs) else ""
    return (
        target.target_id,
        ", ".join((target.name, *target.synonyms)),
        f"{len(target.outputs)}: {', '.join(outputs)}{more}",
        "\n".join(target.senses),
    )
