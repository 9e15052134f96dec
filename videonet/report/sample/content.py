"""All that the page says, as records: gathered on one side, drawn on the other, as JSON between."""

from videonet.schemas.record import Hex, Record


class SampleClass(Record, frozen=True, kw_only=True):
    """A class that some of the clips were kept for."""

    target_id: str
    name: str
    wnid: str | None
    # videos that were kept for it and give a clip
    videos: int
    # mean over these of their highest probability, or cosine; None: nothing was seen of them
    probability: float | None


class SampleCard(Record, frozen=True, kw_only=True):
    """One clip, and the verdict on its video for one class. None: it is not known."""

    # position in `SamplePage.classes`
    place: int
    # to the byte, for the marks; `shown_key` and `shown_id` are the same as a page may show them
    video_key: str
    video_id: str
    shown_key: str
    shown_id: str
    title: str
    url: str
    channel: str | None
    licence: str | None
    # names of the class in the title
    names: tuple[str, ...]
    # position among what its source gave, from 0
    rank: int
    # of the frame that confirms the class most, or its cosine where neighbours were taken
    probability: float | None
    # frames that confirm the class, of how many; and the index of the first one, from 0
    matched: int | None
    scanned: int | None
    first: int | None
    # what the classifier saw in most frames, where that does not confirm the class, and in how many
    seen: str | None
    seen_frames: int | None
    # length of the video, seconds
    duration: float | None
    # as "1280 x 720"
    size: str | None
    # position of the clip among those of its video, from 0, and how many it has
    clip: int
    clips: int
    # of the clip within the video, seconds
    begin: float | None
    end: float | None
    # what else the clip is labelled, and how many labels more than these
    labels: tuple[str, ...]
    more_labels: int
    # position among the loops of the page; None: the clip cannot be read
    loop: int | None
    # why it cannot be read
    unreadable: str | None


class SamplePage(Record, frozen=True, kw_only=True):
    """What a page says."""

    # what the data set is called
    dataset: str
    # of its manifest.json; None: its run is not finished
    manifest_sha256: Hex | None
    # pages of the same data set have the same one: under it a browser keeps marks
    identity: Hex
    # whether neighbours of images were taken: what stands for probabilities are cosines
    neighbours: bool
    # one sentence on what is shown, and one for each thing that is not
    summary: str
    notes: tuple[str, ...]
    # in the order of the class list
    classes: tuple[SampleClass, ...]
    # by class, and of each the least sure first
    cards: tuple[SampleCard, ...]
