"""What a run compares videos with that takes neighbours of images in place of classes."""

from collections.abc import Callable
from pathlib import Path

from videonet.classifier.neighbours import Neighbours, centres_of
from videonet.classifier.shared import shared_embedding
from videonet.classifier.target_images import image_clusters
from videonet.errors import UsageError
from videonet.execution.neighbours import model_of
from videonet.schemas.label import Label
from videonet.schemas.settings import CurateOptions, Device
from videonet.schemas.target import Target
from videonet.selection.evaluation_images import images_in
from videonet.selection.reference import Reference
from videonet.storage.dataset_dir import DatasetDir
from videonet.targets.imagenet import imagenet_classes
from videonet.targets.resolve import resolve_targets
from videonet.text import number
from videonet.video.decoder import shared_decoder

# Images that a message spells out.
_NAMED = 10


def neighbours_of(
    options: CurateOptions,
    images: Path,
    device: Device,
    output: DatasetDir,
    say: Callable[[str], object],
) -> Neighbours:
    """The embedding, and the centres of the clusters in a folder of images. Raises UsageError.

    Those that OUT has are taken where they are of the same images and embedding.
    """
    embedding = shared_embedding(model_of(options), device)
    try:
        known = output.centres()
    except UsageError:
        known = None
    clusters = image_clusters(images)
    return Neighbours(
        embedding, centres_of(embedding, clusters, known, say, options.image_clusters)
    )


def refuse_evaluation_images(images: Path, reference: Reference) -> None:
    """Raise UsageError if images that say what is wanted are in an evaluation set.

    What is near to them would be near to what a model is to be tried on.
    """
    files = [file for cluster in image_clusters(images) for file in cluster.files]
    found = images_in(files, reference, shared_decoder())
    if found:
        named = [f"{file} is like {name}" for file, name in found.items()]
        more = f"; and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
        raise UsageError(
            f"Of {images}, {number(len(found), 'image')} {'is' if len(found) == 1 else 'are'} in "
            f"the evaluation data of --exclude-like: {'; '.join(named[:_NAMED])}{more}. Take them "
            "out of the folder."
        )


def titles_of(options: CurateOptions) -> tuple[Target, ...]:
    """Whose titles make a video a candidate; none: all videos of the source are. UsageError."""
    if options.targets is None:
        return ()
    # No output has to confirm a class, so all that have a name will do.
    classes = imagenet_classes().items()
    labels = [
        Label(wnid=wnid, name=", ".join(each.sense.names)) for wnid, each in classes if each.sense
    ]
    return resolve_targets(options.targets, labels)
