"""Which of a user's images are in an evaluation set, also altered as that is compared."""

from collections.abc import Sequence
from pathlib import Path

from videonet.selection.agreement import agreement
from videonet.selection.likeness import MOST_BITS_BY_PIXELS, least_agreement
from videonet.selection.reference import Reference, make_reference
from videonet.video.decoder import Decoder


def images_in(files: Sequence[Path], reference: Reference, decoder: Decoder) -> dict[Path, str]:
    """Images that are like one of the set, in their hash and their pixels, with its name there.

    Images that show too little to be told apart are like none.
    """
    # As they are: it is the set that has been altered.
    own = make_reference([(str(file), file) for file in files], decoder, variants=[0])
    found: dict[Path, str] = {}
    for number, frame, variant, bits in reference.near(own.hashes, MOST_BITS_BY_PIXELS):
        picture = int(own.frame[number])
        file = files[int(own.file[picture])]
        if file in found:
            continue
        shown, theirs = own.altered(picture, 0), reference.altered(frame, variant)
        if float(agreement(shown[None], theirs[None])[0]) >= least_agreement(bits):
            found[file] = reference.names[int(reference.file[frame])]
    return found
