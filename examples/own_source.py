"""Curates videos that a site of one's own lists: any list becomes a catalogue.

    python examples/own_source.py FEED.xml CLASSES.txt CLASSIFIER.onnx WORK [PRIVATE_HOST...]

The list here is a podcast feed (RSS 2.0), whose items have a title and an `enclosure` with the
address of a video. A catalogue is a table with the columns id, url and title; `duration`, `channel`
and `licence` may be there. Hosts of one's own that are not on the public web are named after WORK.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import videonet


def rows(feed: str) -> Iterator[dict[str, str]]:
    """One row of a catalogue for each item of the feed that has a video."""
    for item in ElementTree.parse(feed).iter("item"):
        enclosure = item.find("enclosure")
        if enclosure is not None and enclosure.get("type", "").startswith("video/"):
            url = enclosure.get("url", "")
            yield {
                "id": item.findtext("guid", url),
                "url": url,
                "title": item.findtext("title", ""),
            }


def build(
    feed: str, classes: str, classifier: str, work: str, *private_hosts: str
) -> videonet.FinishedDataset:
    """The data set in WORK/out, curated from the catalogue WORK/catalogue.csv."""
    catalogue = Path(work, "catalogue.csv")
    with catalogue.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["id", "url", "title"])
        table.writeheader()
        table.writerows(rows(feed))
    return videonet.curate(
        targets=classes,
        source=f"catalogue:{catalogue}",
        classifier=classifier,
        store=Path(work, "store"),
        out=Path(work, "out"),
        allow_private_hosts=private_hosts,
    )


if __name__ == "__main__":
    dataset = build(*sys.argv[1:])
    print(f"{len(dataset)} clips of {dataset.manifest.totals.kept_videos} videos")
