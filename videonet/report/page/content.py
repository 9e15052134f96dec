"""All that the page says, as records: gathered on one side, drawn on the other, as JSON between.

A *pair* is a candidate for one class; everything is counted in pairs unless it says "videos".
"""

from videonet.schemas.manifest import MotionCounts
from videonet.schemas.progress import StageCost
from videonet.schemas.record import Record


class Funnel(Record, frozen=True, kw_only=True):
    """How many are left after each step.

    From `matched` to `with_clip`, pairs are counted, and each number is at most the one before it.
    There may be fewer titles than matched, since one title can name several classes; and more
    clips than kept, since a video gives several.
    """

    # titles looked at; None for a single class, since they are counted only in all, and for a
    # rebuilt data set, which needs no titles
    titles: int | None
    # pairs of class and video whose title names it, also beyond the quota
    matched: int
    # of them, within the quota
    candidates: int
    # of them, those whose first frames were here, or the whole file
    downloaded: int
    # of them, those with a frame among the first whose top-1 class confirms the class
    matching: int
    # of them, those that are long enough
    long_enough: int
    kept: int
    # of them, those whose video is long enough to give a clip
    with_clip: int
    # clips of kept pairs: a video that is kept for two classes has its clips counted for both, and
    # so are the clips of a video that has a label from a duplicate
    clips: int
    # labels that kept videos have from duplicates that were dropped, each of a pair that is no kept
    # one; and those of videos that give a clip
    inherited: int = 0
    inherited_with_clip: int = 0


class Sizes(Record, frozen=True, kw_only=True):
    """What there is of videos, each counted once for however many classes it is a candidate."""

    candidates: int
    kept: int
    # of the kept ones, those that give a clip
    with_clip: int
    # classes with a kept video, and those with a clip
    classes: int
    classes_with_clip: int
    clips: int
    # frames of all clips; None: no shard says it without being read as a whole
    frames: int | None
    # length of all clips, seconds; None: not known before a run has finished
    clip_seconds: float | None
    # length of the kept videos, seconds
    kept_seconds: float
    # bytes of all shards of one format
    bytes: int
    # of the kept videos: how many channels, and videos of which none is stated
    channels: int
    without_channel: int
    # of the kept videos: how many different statements of a licence, videos without any, and those
    # with one of Creative Commons or the public domain
    licences: int
    without_licence: int
    creative_commons: int
    # how much is still and how many training windows cross a cut; None: nothing says so
    motion: MotionCounts | None = None


class ClassRow(Record, frozen=True, kw_only=True):
    """One class."""

    target_id: str
    name: str
    funnel: Funnel
    # most candidates it could have; in a rebuilt data set, where there is no more to be had than
    # the lock file names, as many as it has
    quota: int
    # by reason
    rejected: dict[str, int]
    failed: dict[str, int]


class NameRow(Record, frozen=True, kw_only=True):
    """What one name or synonym of a class brought."""

    target_id: str
    name: str
    # candidates whose title has this name; what became of them
    candidates: int
    kept: int
    # rejected since no frame shows the class: the noise that the name brings
    no_match: int
    # rejected otherwise, and failed
    other: int
    # those that no other name of the class brought: what would be lost without it
    only: int
    only_kept: int
    # where a site was searched: queries with this name, results looked at, videos that were new
    queries: int | None
    results: int | None
    new: int | None


class Confusion(Record, frozen=True, kw_only=True):
    """Videos that were asked for as one class and look like another to the classifier."""

    target_id: str
    asked: str
    # name of the classifier output that is top-1 of most frames
    seen: str
    pairs: int
    # of what was seen, in the frame in which it is highest: its mean over the pairs
    probability: float


class ClusterVideo(Record, frozen=True, kw_only=True):
    """One of several videos that are the same."""

    video_id: str
    video_key: str
    title: str
    url: str
    # as shown, pixels
    width: int | None
    height: int | None
    bytes_a_second: int | None
    outcome: str
    reason: str | None
    # how it is known that it is the same as the one that stays; "" of that one, and where all stay
    why: str
    # a frame, base64; "": there is no picture
    jpeg: str


class Cluster(Record, frozen=True, kw_only=True):
    """Videos that are the same."""

    stays: ClusterVideo
    # some of the others
    others: tuple[ClusterVideo, ...]
    # how many others there are
    videos: int


class Clusters(Record, frozen=True, kw_only=True):
    """Videos that are the same, those of most videos first."""

    clusters: tuple[Cluster, ...]
    # how many more there are
    left_out: int


class Bin(Record, frozen=True, kw_only=True):
    """One bar of a histogram: a range of numbers, or a name."""

    label: str
    kept: int
    rejected: int
    failed: int


class Histogram(Record, frozen=True, kw_only=True):
    """How one quantity is distributed over the pairs with a known value, or over classes."""

    # such as "Length of the videos"
    title: str
    # what is on the axis, such as "seconds"
    unit: str
    # what the bars count, such as "videos"
    counts: str
    bins: tuple[Bin, ...]
    # one sentence that says what to see, with its numbers; "" if there is none
    note: str


class Picture(Record, frozen=True, kw_only=True):
    """One video in a contact sheet."""

    video_id: str
    video_key: str
    title: str
    # http(s) address, or the path of a local file
    url: str
    target_id: str
    # name of the class that it was looked up for
    asked: str
    # name of what the classifier saw most often, in how many of how many frames
    seen: str
    seen_frames: int
    frames: int
    outcome: str
    # None for kept videos
    reason: str | None
    # index of the frame that is shown, among the first frames; whether it is the matching one
    frame: int
    is_match: bool
    # of the matching frame; for others, the highest of what was seen
    probability: float
    # first frame that confirms the class, and how many do; None and 0 where none does
    first_match: int | None
    matching: int
    # one sentence on what damage took of the video; "" where nothing is known to be lost
    damage: str
    # JPEG, base64; its height is 112 pixels at most
    jpeg: str


class Example(Record, frozen=True, kw_only=True):
    """A video that failed."""

    video_id: str
    title: str
    url: str
    # original error text
    error: str


class Failure(Record, frozen=True, kw_only=True):
    """One reason why candidates could not be looked at."""

    reason: str
    pairs: int
    # what a later run does: "never", "next_run" or "wait"
    policy: str
    # what it means, and what one can do about it: one or two sentences
    advice: str
    examples: tuple[Example, ...]


class Cost(Record, frozen=True, kw_only=True):
    """What one stage took, and what it worked on."""

    stage: str
    cost: StageCost


class Setting(Record, frozen=True, kw_only=True):
    """One line of what the data set was made with."""

    name: str
    value: str


class LastRun(Record, frozen=True, kw_only=True):
    """The run that made the data set, or did the last work on it."""

    # when it was begun, such as "2026-05-09 07:12 UTC"
    begun: str
    # as it was typed, without secrets and without folders of the machine
    command: str


class Advice(Record, frozen=True, kw_only=True):
    """One thing to look at first: a sentence with its numbers, and what to do about it."""

    # the class, name or reason that it is about
    about: str
    text: str


class PageFacts(Record, frozen=True, kw_only=True):
    """The whole page."""

    dataset: str
    # one sentence that sums up the run
    summary: str
    # whether neighbours of images were taken: classes are these images then, a probability is a
    # cosine, and there are neither names nor confusions
    neighbours: bool = False
    # "finished", or what is still missing: "running: 1,200 of 5,000 pairs have a verdict"
    state: str
    # whether some are left out of what is shown, since it was made from a part of the candidates
    sampled: bool
    # None: nothing says it
    last_run: LastRun | None
    sizes: Sizes
    funnel: Funnel
    # all pairs, by reason
    rejected: dict[str, int]
    failed: dict[str, int]
    # the answers that one should find without scrolling, most urgent first, few each
    thin: tuple[Advice, ...]
    # how many classes are thin in all: one sentence can be about several
    thin_classes: int
    drop: tuple[Advice, ...]
    chase: tuple[Advice, ...]
    # in the order of the class list
    classes: tuple[ClassRow, ...]
    # by class in that order, its own name first
    names: tuple[NameRow, ...]
    # the commonest first
    confusions: tuple[Confusion, ...]
    # how many more there are
    confusions_left_out: int
    # none where nobody looked for them
    duplicates: Clusters
    histograms: tuple[Histogram, ...]
    kept_pictures: tuple[Picture, ...]
    rejected_pictures: tuple[Picture, ...]
    # why there are fewer pictures than there could be; "" if there is nothing to say
    pictures_note: str
    failures: tuple[Failure, ...]
    costs: tuple[Cost, ...]
    settings: tuple[Setting, ...]
