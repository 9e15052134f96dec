"""What the trainer asks of a method, and which methods there are."""

from typing import Protocol

from torch import Tensor, nn

from videonet.training.config import Config
from videonet.training.data.examples import Shots
from videonet.training.data.loader import Batch
from videonet.training.methods.moclr import MoCLR
from videonet.training.methods.vito import VITO
from videonet.training.methods.vivi import VIVI
from videonet.training.models.network import Network


class Method(Protocol):
    """A way to learn features: which frames of a video it wants, and its loss."""

    @property
    def views(self) -> tuple[str, ...]:
        """The augmentation of each frame of a video, in the order of the loader."""

    @property
    def shots(self) -> Shots | None:
        """The windows of a video that these frames are of; None: one window of one clip."""

    @property
    def has_target(self) -> bool:
        """Whether a second network follows the one that learns."""

    @property
    def in_one_pass(self) -> bool:
        """Whether all views go through the network at once; if not, one after the other."""

    def learner(self, network: Network) -> nn.Module:
        """All that learns: the network, named `network`, and what the method adds to it."""

    def loss(
        self, learner: nn.Module, follower: nn.Module | None, views: list[Tensor], batch: Batch
    ) -> Tensor:
        """The loss of this rank's part of a batch, a scalar; the mean over ranks is that of all.

        `learner` is what the method made of the network, and `follower` the target network, if it
        has one, shown one view after the other. `views` are float [N, 3, H, W] each. Called under
        autocast, where the precision is so.
        """


def method_of(config: Config) -> Method:
    """The method that a configuration names."""
    match config.method.name:
        case "vito":
            return VITO(config)
        case "moclr":
            return MoCLR(config)
        case "vivi":
            return VIVI(config)
