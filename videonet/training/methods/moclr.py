"""MoCLR (Tian et al. 2021): two views of one frame are to be told apart from all other videos.

It is SimCLR's loss with a target network, and so VITO's loss; but what is alike is one frame, which
is augmented in several ways, and not what happens within a window.
"""

from videonet.training.methods.vito import VITO


class MoCLR(VITO):
    """VITO of the frames that `views.sampling = "same"` shows: one moment for all views.

    Crops, scales and pooling are those of the configuration: `configs/moclr_resnet50.toml`.
    """
