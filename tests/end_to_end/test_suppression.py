"""Suppressed numbers are never given out, and an installation for fiction gives out nothing else."""

import csv
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import Kafka, Postgres
from pipeline.prefix_build import PrefixRow
from schemas.identity import task_id
from tests.fix_installation import Installation, make_small_installation
from tests.gateway.api.conftest import MakeClient, client
from tests.processes import wait_until

__all__ = ["client"]

FICTION = {"area_code": "509", "fictional": True, "quantity": 100, "on_shortfall": "partial"}


def given_out(installation: Installation, user: str) -> list[str]:
    """The numbers of all of a user's tasks, in order."""
    rows = installation.rows("SELECT number FROM phone_numbers WHERE user_id = %s ORDER BY number", user)
    return [number for (number,) in rows]


def fictional(*lines: int) -> list[str]:
    """Fictional numbers of area code 509."""
    return [f"+15095550{line}" for line in lines]


@pytest.fixture
def fresh_installation(kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path) -> Iterator[Installation]:
    """One of its own, in which nothing is suppressed yet."""
    rows = [PrefixRow("509", 200, 0b1, "US", "WA", "America/Los_Angeles", "QWEST CORPORATION", "landline")]
    with make_small_installation(kafka_server, postgres_server, tmp_path, rows) as made:
        yield made


def test_a_suppressed_number_is_never_generated(fresh_installation: Installation, tmp_path: Path) -> None:
    """Imported, added, a user's own, removed; a worker that is killed knows it as well as its successor."""
    installation = fresh_installation
    run, file = installation.run, tmp_path / "list.txt"
    file.write_text("".join(f"(509) 555-0{line}\n" for line in range(100, 190)) + "hello\n+44 20 7946 0958\n")

    refused = run("suppress", "import", str(file))
    assert refused.returncode == 1
    assert "list.txt has 2 lines of 92 that are no NANP numbers" in refused.stderr
    assert "line 91: 'hello' is not a phone number" in refused.stderr
    assert "no number is suppressed" in run("suppress", "stats").stdout
    assert installation.audited() == [("suppress", "everybody", "refused")]
    dry = run("suppress", "import", str(file), "--skip-invalid", "--dry-run").stdout
    assert dry == "90 numbers in 1 area codes, 2 invalid lines left out; nothing was changed\n"

    with installation.worker("suppresses") as worker:
        done = run("suppress", "import", str(file), "--skip-invalid")
        assert done.stdout == "90 numbers put on everybody's list, 2 invalid lines left out\n", done.stderr
        again = run("suppress", "add", "509-555-0189", "15095550190")
        assert again.stdout == "1 numbers put on everybody's list; 1 were on it before\n"
        own = run("suppress", "add", "5095550191", "--user", "sue")
        assert own.stdout == "1 numbers put on sue's list\n"
        assert installation.ending(installation.request("sue", **FICTION))["type"] == "task_completed"
        assert given_out(installation, "sue") == fictional(*range(192, 200))
        worker.stop(signal.SIGKILL)

    removed = run("suppress", "remove", "5095550100", "5095550101", "5095550999")
    assert removed.stdout == "2 numbers taken off everybody's list; 1 were not on it\n"
    with installation.worker("suppresses-too"):  # without the local state of the first
        assert installation.ending(installation.request("tom", **FICTION))["type"] == "task_completed"
        assert given_out(installation, "tom") == fictional(100, 101, 191)

    assert run("suppress", "list", "-a", "509").stdout.split() == fictional(*range(102, 191))
    assert run("suppress", "list", "--user", "sue").stdout.split() == fictional(191)
    stats = run("suppress", "stats").stdout
    assert "everybody's list  89       1           509 89" in stats
    assert "sue's list        1        1           509 1" in stats
    assert "removed  3" in stats
    assert "list.txt" in stats


def test_validation_says_of_a_number_that_it_is_suppressed(
    installation: Installation, client: MakeClient, tmp_path: Path
) -> None:
    """In lists, files and tasks, by everybody's list and the asking user's; taken off, it is valid again."""
    reasons = "SELECT validation_reason, count(*) FROM phone_numbers WHERE task_id = %s GROUP BY 1 ORDER BY 2"
    with installation.worker("validates-suppressed"):
        body = installation.request("val", quantity=20, area_code="502")
        assert installation.ending(body)["type"] == "task_completed"
        numbers = given_out(installation, "val")
        assert installation.run("suppress", "add", numbers[0]).returncode == 0
        assert installation.run("suppress", "add", numbers[1], "--user", "val").returncode == 0

        def found(user: str, **fields: object) -> dict[str, int]:
            body = installation.request(user, type="validate", **fields)
            asked.append(task_id(user, body["request_id"]))
            ending = installation.ending(body)
            assert ending["type"] == "task_completed", ending
            counts: dict[str, int] = ending["result_data"]["reasons"]
            return counts

        asked: list[str] = []
        assert found("val", numbers=numbers[:3]) == {"suppressed": 2, "valid": 1}
        assert found("zed", numbers=numbers[:3]) == {"suppressed": 1, "valid": 2}
        file = tmp_path / "numbers.txt"
        file.write_text("".join(f"{number}\n" for number in numbers[:3]))

        def in_file(*options: str) -> list[str]:
            done = installation.run("validate", str(file), "--out", "-", *options)
            return [row["validation_reason"] for row in csv.DictReader(done.stdout.splitlines())]

        def uploaded(user: str) -> dict[str, int]:
            answer = client(user).post("/api/validate-file/", content=file.read_bytes())
            counts: dict[str, int] = json.loads(answer.headers["Numberline-Verdicts"])
            return counts

        assert in_file() == ["suppressed", "valid", "valid"]
        assert in_file("--user", "val") == ["suppressed", "suppressed", "valid"]
        assert in_file("--shipped") == ["valid"] * 3
        assert uploaded("val") == {"suppressed": 2, "valid": 1}
        assert uploaded("zed") == {"suppressed": 1, "valid": 2}
        task = task_id("val", body["request_id"])
        assert found("val", task_id=task) == {"suppressed": 2, "valid": 18}
        assert installation.rows(reasons, task) == [("suppressed", 2), ("valid", 18)]
        assert installation.run("suppress", "remove", numbers[0]).returncode == 0
        assert found("zed", numbers=numbers[:3]) == uploaded("zed") == {"valid": 3}
        _judged_again_by_what_was_planned(installation, asked[0])


def _judged_again_by_what_was_planned(installation: Installation, task: str) -> None:
    """A batch that comes again after a change of the lists, and finds no marker, has the verdicts of before."""
    query = "SELECT position, validation_reason FROM validations WHERE task_id = %s ORDER BY 1"
    before = installation.rows(query, task)
    installation.execute("DELETE FROM validation_batches WHERE task_id = %s", task)
    (record,) = [r for r in installation.records("validations") if dict(r.headers())["task"].decode() == task]
    installation.produce_to("validations", record)
    wait_until(lambda: installation.rows(query, task) == before, 30, "the same verdicts")


def test_a_change_that_was_cut_short_is_sent_by_the_next(installation: Installation) -> None:
    """Its row is there and says so; the records of both follow in their order."""
    run = installation.run
    nowhere = run("suppress", "add", "5072000000", NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert nowhere.returncode == 1
    assert "the Kafka broker 127.0.0.1:1 cannot be reached" in nowhere.stderr
    assert "added, not yet sent" in run("suppress", "stats").stdout
    before = len(installation.records("batches"))
    assert run("suppress", "remove", "5072000000").stdout == "1 numbers taken off everybody's list\n"
    assert len(installation.records("batches")) == before + 2
    assert "not yet sent" not in run("suppress", "stats").stdout
    assert run("suppress", "list", "-a", "507").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "hello"), "'hello' is not a phone number"),
        (("remove",), "give the numbers, or --file"),
        (("list", "-a", "4155"), "4155 is not an area code of three digits"),
        (("add", "5072000000", "--user", "not a user"), "must be 1 to 64 of A-Z a-z 0-9 . _ : -"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_done(
    installation: Installation, arguments: tuple[str, ...], message: str
) -> None:
    """Exit 2 and the rule."""
    done = installation.run("suppress", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_an_installation_for_fiction_gives_out_nothing_else(installation: Installation) -> None:
    """Requests need not say so; one that says otherwise, or asks for carriers, is refused."""
    with installation.worker("fiction", NUMBERLINE_FICTIONAL_ONLY="1"):
        body = installation.request("uma", quantity=300, states=["TX", "FL"])
        assert installation.ending(body)["type"] == "task_completed"
        numbers = given_out(installation, "uma")
        assert len(numbers) == 300
        assert all(number[5:10] == "55501" for number in numbers)
        other = installation.ending(installation.request("uma", quantity=1, fictional=False))
        assert other["error"]["details"]["errors"] == [
            {
                "field": "fictional",
                "message": "must be true or left out: this installation gives out fictional numbers alone",
            }
        ]
        nobodys = installation.ending(installation.request("uma", quantity=1, carriers=["verizon"]))
        assert nobodys["error"]["code"] == "nothing_matches"
    wait_until(lambda: given_out(installation, "uma") == numbers, 5, "unchanged numbers")
