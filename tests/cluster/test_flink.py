"""A real Flink cluster: what it says of itself, a machine that is lost, and the job on it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.flink_cluster import SLOTS, TASK_MANAGERS, FlinkCluster
from tests.cluster.curations import Alone, Curation, in_the_middle, scans, told_by
from tests.curating import bytes_of
from tests.execution.job_servers import answers, free_port
from tests.published import published
from videonet.errors import UsageError
from videonet.execution.flink import flink_options as with_defaults

pytestmark = pytest.mark.cluster

# Of downloads and scans, how many a lost machine may cost.
MOST_AGAIN = 1.2


# The cluster.


def test_a_machine_that_is_lost_is_missed_and_comes_back(cluster: FlinkCluster):
    cluster.wait_for_task_managers(TASK_MANAGERS)
    cluster.kill(1)
    cluster.wait_for_task_managers(TASK_MANAGERS - 1)
    assert cluster.ask("overview")["slots-total"] == SLOTS * (TASK_MANAGERS - 1)
    cluster.bring_back(1)
    cluster.wait_for_task_managers(TASK_MANAGERS)


def test_a_job_gets_all_slots_and_the_job_server_of_the_clusters_version(cluster: FlinkCluster):
    cluster.wait_for_task_managers(TASK_MANAGERS)
    flags = with_defaults(["--runner=FlinkRunner", f"--flink_master={cluster.address}"])
    assert f"--parallelism={SLOTS * TASK_MANAGERS}" in flags
    assert "--flink_version=2.2" in flags
    assert cluster.ask("config")["flink-version"].startswith("2.2.")


def test_the_cluster_begins_a_job_again_that_has_lost_a_machine(cluster: FlinkCluster):
    settings = {each["key"]: each["value"] for each in cluster.ask("jobmanager/config")}
    assert settings["restart-strategy.type"] == "fixed-delay"


def test_each_machine_finds_a_pool_of_its_own(cluster: FlinkCluster, tmp_path: Path):
    """As Java does that reads the names which a TaskManager is given."""
    program = tmp_path / "Find.java"
    program.write_text(
        "public class Find { public static void main(String[] names) throws Exception {"
        ' System.out.print(java.net.InetAddress.getByName("pool").getHostAddress()); } }'
    )
    found = set()
    for number in range(TASK_MANAGERS):
        done = subprocess.run(
            ["java", f"-Djdk.net.hosts.file={cluster.hosts(number)}", program],
            capture_output=True,
            text=True,
            check=False,
        )
        if "compiler" in done.stderr:
            pytest.skip("this Java has no compiler (apt-get install openjdk-17-jdk-headless)")
        found.add(done.stdout)
    assert len(found) == TASK_MANAGERS, found


def test_a_master_that_does_not_answer_is_named():
    port = free_port()
    assert not answers(port)
    with pytest.raises(UsageError, match=f"--flink_master=http://localhost:{port} cannot be asked"):
        with_defaults([f"--flink_master=localhost:{port}"])


def test_a_job_server_that_is_not_there_is_named_when_all_else_is(
    demo: Curation, cluster: FlinkCluster, tmp_path: Path
):
    cluster.wait_for_task_managers(TASK_MANAGERS)
    jar = tmp_path / "job-server.jar"
    ended = demo.run(tmp_path, *cluster.beam_options(jar))
    assert ended.code == 2
    (said,) = [line for line in ended.said.splitlines() if line]
    assert said.startswith(f'videonet: Flink did not take the job: Unable to parse jar URL "{jar}"')


# The job. It needs Beam's job server for this version of Flink.


def losing_a_machine(cluster: FlinkCluster) -> Callable[[], None]:
    """What kills a TaskManager with its workers, and brings them back once they are missed."""

    def lose() -> None:
        cluster.kill(1)
        cluster.wait_for_task_managers(TASK_MANAGERS - 1)
        cluster.bring_back(1)

    return lose


def check_after_a_loss(
    curation: Curation, alone: Alone, cluster: FlinkCluster, options: list[str], place: Path
) -> None:
    """The same bytes as of the local run, by two machines, with little done again."""
    with in_the_middle(place, losing_a_machine(cluster)):
        served = curation.run(place, *options)
    assert served.code == alone.ran.code, served.said
    assert bytes_of(place / "out") == bytes_of(alone.folder / "out")
    by_process = scans(told_by(place))
    # The one that was lost, the one that was not, and the one that came for the first.
    assert len(by_process) >= TASK_MANAGERS
    assert sum(by_process) <= MOST_AGAIN * sum(scans(told_by(alone.folder)))
    assert served.requests <= MOST_AGAIN * alone.ran.requests


def test_the_demo_comes_out_the_same_though_a_machine_is_lost(
    demo: Curation,
    alone: Alone,
    cluster: FlinkCluster,
    flink_options: list[str],
    tmp_path: Path,
):
    check_after_a_loss(demo, alone, cluster, flink_options, tmp_path)


def test_the_demo_comes_out_the_same_in_a_bucket(
    demo_and_bucket: tuple[Curation, str],
    alone: Alone,
    cluster: FlinkCluster,
    flink_options: list[str],
):
    demo, place = demo_and_bucket
    # Workers take the address of the bucket's server from the environment of their pools.
    for number in range(TASK_MANAGERS):
        cluster.kill(number)
        cluster.bring_back(number)
    cluster.wait_for_task_managers(TASK_MANAGERS)
    served = demo.run(place, *flink_options)
    assert served.code == alone.ran.code, served.said
    assert published(f"{place}/out") == published(alone.folder / "out")


@pytest.mark.slow
def test_a_thousand_candidates_come_out_the_same_though_a_machine_is_lost(
    thousand: Curation, cluster: FlinkCluster, flink_options: list[str], tmp_path: Path
):
    folder = tmp_path / "alone"
    alone = Alone(thousand.run(folder), folder)
    check_after_a_loss(thousand, alone, cluster, flink_options, tmp_path / "flink")
