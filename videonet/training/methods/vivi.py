"""VIVI (Tschannen et al. 2020), after its published introduction: frames, shots and videos.

Frames of a shot are alike, and other shots differ; the mean of a shot's frames tells of that of a
later shot of its video, among those of other videos.

NOTE: no code of its authors and no more than the introduction was at hand. What is ours, nine
assumptions, each a NOTE where it is made and a setting where one makes sense: (1) what a shot is,
(2) how many shots a video and frames a shot have, (3) how frames become a shot, (4) what the frames
of a shot are told apart from, (5) the form of predictions and critic, (6) what a shot is told apart
from, (7) the weight of the losses, (8) optimiser and schedule, (9) how labelled images are learned
from besides. The last is that they are not: co-training is not here.
"""

from itertools import combinations

import torch
from torch import Tensor, nn

from videonet.training import config
from videonet.training.data.examples import Shots
from videonet.training.data.loader import Batch
from videonet.training.methods.vivi_loss import exemplar_loss, prediction_loss
from videonet.training.models.network import Network


class VIVI:
    """What the trainer asks of this method: see `Method`.

    NOTE: (1) and (2): a shot is a window of a clip, `vivi.shots` says of which; there are four, and
    as many frames of each as `views.recipes` has. (8): plain momentum, a rate in proportion to the
    batch that falls in steps, weight decay 1e-4: `configs/vivi_resnet50.toml`.
    """

    has_target = False
    # Batch norms see all frames of a step together.
    in_one_pass = True

    def __init__(self, settings: config.Config) -> None:
        self._settings, self._temperature = settings.vivi, settings.loss.temperature
        self._width = settings.projector.out
        self.shots: Shots | None = Shots(
            number=self._settings.shots_per_video,
            of_clips=self._settings.shots == "clips",
            apart=self._settings.seconds_apart,
        )
        # NOTE: ours. The exemplar loss of the same authors has other augmentations: eight crops of
        # an image, grey in two of three.
        self.views: tuple[str, ...] = settings.views.recipes * self._settings.shots_per_video

    def learner(self, network: Network) -> nn.Module:
        """What learns: the network, and the maps by which a shot tells of a later one."""
        return _Learner(network, self._settings, self._width)

    def loss(
        self, learner: nn.Module, follower: nn.Module | None, views: list[Tensor], batch: Batch
    ) -> Tensor:
        """The loss between frames, and `video_weight` times that between shots.

        NOTE: (7): the weight is .04 where nothing else is set. Either loss is a mean: over pairs of
        frames, and over pairs of shots and videos.
        """
        assert follower is None
        frames, shots, predicted = learner(views)
        settings = self._settings
        loss = exemplar_loss(
            frames, batch.videos, batch.shots, settings.margin, settings.exemplar_negatives
        )
        if predicted is None:
            return loss
        videos = prediction_loss(shots, predicted, batch.videos, batch.shots, self._temperature)
        return loss + settings.video_weight * videos


class _Learner(nn.Module):
    """The network on all frames at once, and what it makes of shots."""

    def __init__(self, network: Network, settings: config.Vivi, width: int) -> None:
        super().__init__()
        self.network = network
        self._shots = settings.shots_per_video
        self.predictors: nn.ModuleList | None = None
        # Without the loss between shots they would learn nothing.
        if settings.video_weight:
            self.predictors = nn.ModuleList(
                _predictor(settings, width) for _ in range(self._shots - 1)
            )

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Frames [N, S, F, D], shots [N, S, D], and predictions [pairs of shots, N, D].

        `views` are S * F, float [N, 3, H, W] each. Pairs of shots are k < l, in the order of
        `itertools.combinations`; a prediction is what shot k tells of shot l.

        NOTE: (3): a shot is the mean of its frames' projections, before these have length 1.
        NOTE: (5): one map for each distance l - k, so that before and after are told apart.
        """
        found: Tensor = self.network(torch.cat(views))
        count = len(views[0])
        frames = found.view(self._shots, -1, count, found.shape[1]).permute(2, 0, 1, 3)
        shots = frames.to(torch.promote_types(frames.dtype, torch.float32)).mean(dim=2)
        if self.predictors is None:
            return frames, shots, None
        predicted = [
            self.predictors[later - one - 1](shots[:, one])
            for one, later in combinations(range(self._shots), 2)
        ]
        return frames, shots, torch.stack(predicted)


def _predictor(settings: config.Vivi, width: int) -> nn.Module:
    """From what one shot is to what another one is expected to be."""
    if settings.prediction == "linear":
        return nn.Linear(width, width)
    hidden = settings.prediction_hidden
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, width))
