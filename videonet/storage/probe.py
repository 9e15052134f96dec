"""Whether a service honours the conditions of a write: some ignore them, and overwrite."""

import json
import uuid

from videonet.errors import UsageError
from videonet.storage.objects import DRAFTS, Objects

# What a place has shown; a later version that needs more asks again.
_SHOWN = json.dumps(
    {"write_once": "honoured", "write_if": "honoured", "delete": "honoured"}
).encode()


def require_conditional_writes(objects: Objects, kept: str = "probe.json") -> None:
    """Try conditional writes and deletes on an object of their own, once in a place's life.

    `kept` names the object that says that they were honoured. Raises UsageError if they are not.
    """
    if objects.read(kept) == _SHOWN:
        return
    name = f"{DRAFTS}probe-{uuid.uuid4().hex}"
    try:
        ignored = _ignored(objects, name)
    finally:
        objects.delete(name)
    if ignored is not None:
        raise UsageError(
            f"{objects.address} cannot be shared: its service {ignored}. Two runs would undo each "
            "other's work. Use a service that honours If-Match and If-None-Match, or a folder."
        )
    objects.write_once(kept, _SHOWN)


def _ignored(objects: Objects, name: str) -> str | None:
    """What a service does that it was asked not to do, if anything."""
    first = objects.write_once(name, b"first")
    if first is None or objects.write_once(name, b"second") is not None:
        return "replaces an object that is to be created only where none is"
    second = objects.write_if(name, b"third", first)
    if second is None or objects.write_if(name, b"fourth", first) is not None:
        return "replaces an object whose state is no longer the one that is to be replaced"
    if objects.delete(name, first) or objects.read(name) != b"third":
        return "deletes an object whose state is no longer the one that is to be deleted"
    return None
