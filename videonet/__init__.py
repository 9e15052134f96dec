"""Builds video data sets that match a class list, and trains VITO on them.

The names below are the public API, for a notebook or a script. Each is loaded when it is first
used: importing this package is quick, and loads none of Beam, PyTorch, yt-dlp and ONNX Runtime.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videonet.classifier.model import Classifier, load_classifier
    from videonet.curation.scan import scan_video
    from videonet.curation.verdict import Decision, Evidence, Limits, decide
    from videonet.dataset.finished_dataset import FinishedDataset, open_dataset
    from videonet.errors import UsageError
    from videonet.execution.curate import curate
    from videonet.targets.resolve import resolve_targets
    from videonet.targets.title_matcher import TitleMatcher, match_titles
    from videonet.training.data.clip_dataset import ClipDataset
    from videonet.video.container import VideoError
    from videonet.video.decoder import iter_clips, video_length

__version__ = "0.1.0"

_HOMES = {
    "Classifier": "videonet.classifier.model",
    "ClipDataset": "videonet.training.data.clip_dataset",
    "Decision": "videonet.curation.verdict",
    "Evidence": "videonet.curation.verdict",
    "FinishedDataset": "videonet.dataset.finished_dataset",
    "Limits": "videonet.curation.verdict",
    "TitleMatcher": "videonet.targets.title_matcher",
    "UsageError": "videonet.errors",
    "VideoError": "videonet.video.container",
    "curate": "videonet.execution.curate",
    "decide": "videonet.curation.verdict",
    "iter_clips": "videonet.video.decoder",
    "load_classifier": "videonet.classifier.model",
    "match_titles": "videonet.targets.title_matcher",
    "open_dataset": "videonet.dataset.finished_dataset",
    "resolve_targets": "videonet.targets.resolve",
    "scan_video": "videonet.curation.scan",
    "video_length": "videonet.video.decoder",
}

__all__ = [
    "Classifier",
    "ClipDataset",
    "Decision",
    "Evidence",
    "FinishedDataset",
    "Limits",
    "TitleMatcher",
    "UsageError",
    "VideoError",
    "curate",
    "decide",
    "iter_clips",
    "load_classifier",
    "match_titles",
    "open_dataset",
    "resolve_targets",
    "scan_video",
    "video_length",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    """The public names, also those that are not loaded yet."""
    return sorted({*globals(), *__all__})
