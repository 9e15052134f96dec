"""What a job on Flink is told that its user has left open, asked of a cluster's interface."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from videonet.errors import UsageError
from videonet.execution.flink import flink_options
from videonet.execution.worker_pool import PORT

# What a JobManager of Flink 2.2.1 with two TaskManagers has said, shortened.
CONFIG = {"refresh-interval": 3000, "timezone-offset": 0, "flink-version": "2.2.1"}
OVERVIEW = {"taskmanagers": 2, "slots-total": 8, "slots-available": 6, "flink-version": "2.2.1"}


@contextmanager
def master(config: object = CONFIG, overview: object = OVERVIEW) -> Iterator[str]:
    """Somebody who answers as a JobManager does; the address."""
    said = {"/config": config, "/overview": overview}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(said[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def added(*flags: str) -> dict[str, str]:
    """What is added to these options, by name."""
    everything = flink_options(flags)
    assert everything[: len(flags)] == list(flags)
    return dict(each.removeprefix("--").split("=", 1) for each in everything[len(flags) :])


def test_a_job_takes_the_free_slots_the_fitting_server_and_the_pool_of_each_machine():
    with master() as address:
        assert added(f"--flink_master={address}") == {
            "flink_version": "2.2",
            "parallelism": "6",
            "environment_type": "EXTERNAL",
            "environment_config": f"localhost:{PORT}",
            "max_bundle_size": "100000",
            "max_bundle_time_mills": "600000",
            "number_of_execution_retries": "10",
            "execution_retry_delay": "10000",
        }


def test_what_was_typed_stands():
    with master() as address:
        typed = [
            *(f"--flink_master=http://{address}", "--parallelism", "3", "--flink_version=2.1"),
            *("--environment_type=DOCKER", "--max_bundle_size=7", "--execution_retry_delay=1"),
        ]
        assert set(added(*typed)) == {"max_bundle_time_mills", "number_of_execution_retries"}


def test_a_flink_that_beam_has_no_server_for_is_refused_unless_one_is_named():
    with master(config={"flink-version": "2.9.0"}) as address:
        with pytest.raises(UsageError, match=r"is Flink 2\.9\.0, and Beam .* has job servers for"):
            flink_options([f"--flink_master={address}"])
        assert "parallelism" in added(f"--flink_master={address}", "--flink_job_server_jar=j.jar")


def test_a_cluster_without_slots_is_refused_unless_it_is_said_how_many_there_will_be():
    with master(overview={"slots-total": 0, "slots-available": 0}) as address:
        with pytest.raises(UsageError, match="has no slots: start its TaskManagers first"):
            flink_options([f"--flink_master={address}"])
        assert "flink_version" in added(f"--flink_master={address}", "--parallelism=2")


def test_somebody_else_at_the_address_is_no_flink():
    with (
        master(config=["something", "else"]) as address,
        pytest.raises(UsageError, match="/config is no answer of Flink's"),
    ):
        flink_options([f"--flink_master={address}"])


def test_without_a_cluster_nobody_is_asked():
    assert "environment_type" not in added("--runner=FlinkRunner")
    assert int(added("--flink_master=[local]")["parallelism"]) > 0
