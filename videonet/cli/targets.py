"""`videonet targets`: what a class list means."""

from typing import Annotated

import typer
from rich.table import Table

from videonet.cli.terminal import Console


def targets(
    class_list: Annotated[
        str, typer.Argument(metavar="LIST", help="imagenet1k, or a file with one class a line.")
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

    Example: videonet targets classes.txt --classifier model.onnx
    """
    # Here, for nltk and ONNX Runtime are slow, and --help need not be.
    from videonet.classifier.shared import shared_classifier
    from videonet.targets.imagenet1k import imagenet1k_labels
    from videonet.targets.resolve import resolve_targets

    labels = shared_classifier(classifier, "cpu").labels if classifier else imagenet1k_labels()
    table = Table("target", "names", "confirmed by", "senses", show_lines=True)
    for target in resolve_targets(class_list, labels):
        outputs = [f"{index} {labels[index].name.partition(',')[0]}" for index in target.outputs]
        shown = ", ".join(outputs[:6]) + (", ..." if len(outputs) > 6 else "")
        table.add_row(
            target.target_id,
            ", ".join((target.name, *target.synonyms)),
            f"{len(outputs)}: {shown}",
            "\n".join(target.senses),
        )
    Console().print(table)
