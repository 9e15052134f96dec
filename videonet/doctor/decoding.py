"""Whether videos can be decoded here, and in processes that are shut in."""

from videonet.doctor.finding import Finding, State


def look_at_decoding() -> Finding:
    """Begins such a process, which is refused files, sockets and programs where the system can."""
    from videonet.cage.cage import Cage, TaskError
    from videonet.schemas.decode_limits import DecodeLimits
    from videonet.video.decoder import TASKS

    with Cage(TASKS, DecodeLimits()) as cage:
        try:
            shut_in = list(cage.run("is_shut_in", b"")) == [b"yes"]
        except TaskError as error:
            return Finding("decoding", State.MISSING, str(error), "see whether memory is short")
    if shut_in:
        return Finding("decoding", State.OK, "in processes that are shut in")
    return Finding(
        "decoding",
        State.OPTIONAL,
        "no filter of system calls here: decoders are limited in memory and time alone",
        "for videos that nobody vouches for, use Linux on x86-64 or ARM64",
    )
