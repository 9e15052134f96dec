"""What one output of a classifier stands for."""

from videonet.schemas.record import Record


class Label(Record, frozen=True, kw_only=True):
    """One classifier output; its index is its position in the classifier's list of labels."""

    # WordNet 3.0 noun id, such as n02084071; None where the output is no WordNet class
    wnid: str | None
    # what the output is called; several names are separated by commas
    name: str
