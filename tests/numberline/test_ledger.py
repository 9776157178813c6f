"""`numberline ledger` on real servers: verified while workers run, lost, refused, rebuilt, and exact again."""

import asyncio
import json
import signal
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError
from confluent_kafka import Producer

from numberline import compact as compacting
from numberline.ledger import read_table
from numberline.setup.topics import create_topics
from pipeline.compact import FEWEST_FACTS
from pipeline.ledger import sum_key, sum_of
from schemas import topics
from schemas.identity import task_id
from schemas.partitions import partition_for
from tests.fix_installation import PARTITIONS, Installation
from tests.processes import wait_until

ROWS = "SELECT count(*), count(DISTINCT number) FROM numbers"
SUPPRESSED = "+12012001234"
SMALL_TASKS, SMALL = FEWEST_FACTS + 6, 20
AREA_CODES = ["201", "202"]  # 3,000 numbers and 1,000, in different partitions


def changelog(installation: Installation) -> str:
    """Full name of the ledger's changelog."""
    return topics.changelog_name(installation.settings.namespace, "ledger")


async def delete_topic(installation: Installation, name: str) -> None:
    """As by an accident; returns when it is gone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([name])
        async with asyncio.timeout(30):
            while name in await admin.list_topics():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except UnknownTopicOrPartitionError:
        pass
    finally:
        await admin.close()


def tombstone(installation: Installation, key: bytes, area_code: str) -> None:
    """Delete one fact, as nothing of ours would."""
    producer = Producer({"bootstrap.servers": installation.settings.kafka_bootstrap_servers})
    producer.produce(changelog(installation), None, key, partition=partition_for(area_code, PARTITIONS))
    assert producer.flush(30) == 0


def test_a_lost_ledger_is_refused_rebuilt_and_exact_again(small_installation: Installation) -> None:
    """Every number of two area codes in the end but one, each once, though the ledger was lost in the middle."""
    ours = small_installation
    first = ours.request("ann", quantity=2_000, area_codes=AREA_CODES, batch_size=100)
    with ours.worker("w1") as worker:
        assert ours.run("suppress", "add", SUPPRESSED).returncode == 0
        assert ours.ending(first)["type"] == "task_completed"
        agreeing = ours.run("ledger", "verify")
        assert (agreeing.returncode, agreeing.stdout) == (
            0,
            "2,000 numbers in the ledger, 2,000 in PostgreSQL, 2 area codes\nthey agree\n",
        )
        refused = ours.run("ledger", "rebuild")
        assert (refused.returncode, refused.stderr.splitlines()[-1]) == (
            1,
            "1 workers are running: stop them all, then do this again",
        )
        assert worker.stop() == 0

    task = task_id("ann", first["request_id"])
    ((batches,),) = ours.rows("SELECT count(*) FROM batches")
    (code,) = ours.rows("SELECT area_code::text FROM batches WHERE batch_no = 0")[0]
    tombstone(ours, f"{code}|{task}|0".encode(), code)
    broken = ours.run("ledger", "verify")
    assert broken.returncode == 1
    assert f"{code}: batch 0 of task {task}: 100 numbers (" in broken.stdout
    assert "1 differences\n" in broken.stdout
    assert "1 facts written" in ours.run("ledger", "rebuild").stdout
    assert ours.run("ledger", "verify").returncode == 0

    asyncio.run(delete_topic(ours, changelog(ours)))
    settings = ours.settings
    made = create_topics(settings.kafka_bootstrap_servers, settings.namespace, PARTITIONS, 1)
    assert asyncio.run(made) == 1  # as `numberline init` does, which would load the shipped prefix data as well
    with ours.process("worker", "w1", NUMBERLINE_WORKER_ID="w1") as worker:
        assert worker.wait() == 2
        assert "the ledger is lost: " in worker.log.read_text()
        assert "run `numberline ledger rebuild`: it writes the ledger again" in worker.log.read_text()
    lost = ours.run("ledger", "verify")
    assert lost.returncode == 1
    assert "1 changes of what is suppressed: not in the ledger, or not read by a worker yet" in lost.stdout
    assert lost.stdout.count("could be given out again") == batches
    rebuilt = ours.run("ledger", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout.startswith(f"{batches + 1} facts written")  # the suppressed number's as well
    assert ours.run("ledger", "verify").returncode == 0

    rest = ours.request("bea", quantity=4_000, area_codes=AREA_CODES, on_shortfall="partial")
    with ours.worker("w1") as worker:
        assert ours.ending(rest)["result_data"]["total_generated"] == 1_999
        assert worker.metric("numberline_ledger_conflicts_total") == 0
    assert ours.rows(ROWS) == [(3_999, 3_999)]
    assert ours.rows("SELECT count(*) FROM phone_numbers WHERE number = %s", SUPPRESSED) == [(0,)]
    assert ours.run("ledger", "verify").returncode == 0
    assert [record for record in ours.audited() if record[0] == "rebuild ledger"] == [
        *[("rebuild ledger", "ledger", "done")] * 2,
        ("rebuild ledger", "ledger", "refused"),
    ]


def test_every_kind_of_difference_is_said(small_installation: Installation) -> None:
    """On a running system; a rebuild writes what the ledger lacks, and changes no row."""
    ours = small_installation
    asked = ours.request("ann", quantity=600, area_code="201", batch_size=100)
    task = task_id("ann", asked["request_id"])
    with ours.worker("w1") as worker:
        assert ours.ending(asked)["type"] == "task_completed"
        of_batch = "WHERE batch_id = (SELECT batch_id FROM batches WHERE batch_no = {})"
        first = f"WHERE number = (SELECT min(number) FROM numbers {of_batch})"
        ours.execute("DELETE FROM numbers " + first.format(0))
        ours.execute("UPDATE batches SET count = 101 WHERE batch_no = 1")
        ours.execute("DELETE FROM numbers " + of_batch.format(2))
        ours.execute("DELETE FROM batches WHERE batch_no IN (2, 3)")
        tombstone(ours, f"201|{task}|4".encode(), "201")
        ours.execute("INSERT INTO numbers (number, batch_id, prefix_id) VALUES (19049999999, 0, 1)")
        found = ours.run("ledger", "verify")
        assert found.returncode == 1
        said = found.stdout.splitlines()
        lacking = [
            "904: 1 numbers (999-9999) are stored and not in the ledger: they could be given out again",
            f"201: batch 4 of task {task}: 100 numbers (",
        ]
        others = [
            f"201: batch 0 of task {task} has 99 rows, and its marker says 100",
            f"201: batch 0 of task {task}: 1 numbers (",
            f"201: batch 1 of task {task} has 100 rows, and its marker says 101",
            f"201: batch 2 of task {task}: 100 numbers (",
            "201: 100 numbers (",
            "904: 1 numbers (999-9999) are stored and of no batch",
        ]
        for start in (*lacking, *others):
            assert [line for line in said if line.startswith(start)], start
        assert said[-1] == f"{len(lacking) + len(others)} differences"
        assert "2 are what the ledger lacks: stop all workers, then `numberline ledger rebuild`" in found.stderr
        assert "6 are of rows, which no command changes" in found.stderr
        assert worker.stop() == 0
    assert "2 facts written" in ours.run("ledger", "rebuild").stdout
    left = ours.run("ledger", "verify")
    assert left.returncode == 1
    assert left.stdout.splitlines()[-1] == "6 differences"
    assert "what the ledger lacks" not in left.stderr


def test_old_facts_are_put_together_and_the_ledger_stays_exact(small_installation: Installation) -> None:
    """By the worker itself, and by a command in whose middle it dies; every other number still comes, once."""
    ours = small_installation
    with ours.worker("w1", NUMBERLINE_COMPACT_SECONDS="1") as worker:
        many_small_tasks(ours)
        wait_until(lambda: worker.metric("numberline_ledger_facts") == SMALL_TASKS, 30, "look at the facts")
        young = ours.run("compact")
        assert young.returncode == 0, young.stderr
        kept = f"0 of {SMALL_TASKS} facts of the ledger are being put together, in 0 area codes\n"
        assert young.stdout == kept + "0 tasks that ended more than 45 days ago are let go\n"
        assert ("compact", "ledger", "done") in ours.audited()
        ours.execute("UPDATE task_states SET completed_at = completed_at - interval '15 days'")
        wait_until(lambda: len(facts_of(ours)) == 1, 30, "one fact")
        assert worker.metric('numberline_facts_let_go_total{table="ledger"}') == SMALL_TASKS
        assert ours.run("ledger", "verify").returncode == 0
    with ours.worker("w1", NUMBERLINE_COMPACT_SECONDS="0"):
        many_small_tasks(ours)
    died_in_the_middle(ours)
    with ours.worker("w1", NUMBERLINE_COMPACT_SECONDS="0") as worker:
        wait_until(lambda: len(facts_of(ours)) == 1, 30, "one fact")
        assert ours.run("ledger", "verify").returncode == 0
        worker.stop(signal.SIGKILL)
    rest = ours.request("bea", quantity=4_000, area_codes=AREA_CODES, on_shortfall="partial")
    with ours.worker("elsewhere") as worker:
        assert ours.ending(rest)["result_data"]["total_generated"] == 4_000 - 2 * SMALL_TASKS * SMALL
        assert worker.metric("numberline_ledger_conflicts_total") == 0
    assert ours.rows(ROWS) == [(4_000, 4_000)]


def many_small_tasks(installation: Installation) -> None:
    """So many that a worker finds their facts worth putting together; returns when all have ended."""
    ((before,),) = installation.rows("SELECT count(*) FROM task_states")
    for _ in range(SMALL_TASKS):
        body = installation.request("ann", quantity=SMALL, area_code="201")
        installation.produce(json.dumps(body).encode())
    ended = "SELECT count(*) FROM task_states WHERE completed_at IS NOT NULL"
    wait_until(lambda: installation.rows(ended) == [(before + SMALL_TASKS,)], 60, "end of all tasks")


def died_in_the_middle(installation: Installation) -> None:
    """What a worker leaves that is killed while it carries out a command: the sum, and a half of its facts gone."""
    found = asyncio.run(compacting.find(installation.settings, timedelta(0), lambda count: None, fewest=1))
    (command,) = found.compactions
    assert len(command.facts) == SMALL_TASKS + 1  # with the sum of those before
    asyncio.run(compacting.send(installation.settings, found, lambda count: None))
    partition = partition_for("201", PARTITIONS)
    facts = asyncio.run(read_table(installation.settings, "ledger", partition))
    old = [f"201|{name}".encode() for name in command.facts]
    producer = Producer({"bootstrap.servers": installation.settings.kafka_bootstrap_servers})
    name = changelog(installation)
    producer.produce(name, sum_of(map(facts.__getitem__, old)), sum_key("201", command.name), partition=partition)
    for key in old[: SMALL_TASKS // 2]:
        producer.produce(name, None, key, partition=partition)
    assert producer.flush(30) == 0


def facts_of(installation: Installation) -> list[bytes]:
    """The keys that the ledger's changelog holds by now."""
    return [
        key
        for partition in range(PARTITIONS)
        for key in asyncio.run(read_table(installation.settings, "ledger", partition))
    ]
