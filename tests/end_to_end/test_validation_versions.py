"""The same numbers judged by the next version of the prefix data, and every output of the verdicts."""

import csv
import io

from pipeline.prefix_build import PrefixRow
from schemas.identity import task_id
from tests.end_to_end.validations import HELD, generated, result, validation
from tests.fix_installation import SMALL_ROWS, Installation, load_rows
from tests.processes import wait_until


def test_other_prefix_data_changes_verdicts_and_holders(small_installation: Installation) -> None:
    """Judged by the next version: what it took away is invalid, what changed hands has its new holder."""
    there = small_installation
    settings = there.settings
    with there.worker("versions"):
        task = generated(there, "hugo", quantity=2_000, area_code="201")
        assert result(there, validation("hugo", task_id=task))["reasons"] == {"valid": 2_000}
        ((kept, moved, gone),) = there.rows(
            "SELECT count(*) FILTER (WHERE number LIKE '+12012000%%'), count(*) FILTER (WHERE number LIKE "
            "'+12012010%%'), count(*) FILTER (WHERE number LIKE '+12012001%%') "
            "FROM phone_numbers WHERE task_id = %s",
            task,
        )
        changed = [
            PrefixRow("201", 200, 0b1, "US", "NJ", "America/New_York", "VERIZON NEW JERSEY", "landline"),
            PrefixRow("201", 201, 0b1, "US", "NJ", "America/New_York", "NEWCOMER", "voip", "NEWARK"),
            *SMALL_ROWS[2:],
        ]
        load_rows(settings, changed)
        wait_until(
            lambda: (
                there.ending(validation("hugo", numbers=["+12012010000"]))["result_data"]["prefix_data_version"]
                == 2
            ),
            60,
            "requests planned by version 2",
        )
        done = there.run("validate", "--changed-since", "1", "--yes")
        assert done.returncode == 0, done.stderr
        summary = {
            line.split()[0]: line.split()[1]
            for line in done.stderr.splitlines()
            if line.endswith(tuple("0123456789"))
        }
        assert summary["unassigned_block"] == f"{gone:,}"
        assert summary["valid"] == f"{kept + moved:,}"
        rows = there.rows(HELD, task)
        assert sorted(rows, key=str) == sorted(
            [
                (True, "valid", "internal", 2, "VERIZON NEW JERSEY", kept),
                (True, "valid", "internal", 2, "NEWCOMER", moved),
                (False, "unassigned_block", "internal", 2, None, gone),
            ],
            key=str,
        )
        counts = there.rows("SELECT reason, count FROM verdict_counts WHERE task_id = %s", task)
        assert sorted(counts) == [("unassigned_block", gone), ("valid", kept + moved)]
        _every_output_has_the_whole_verdict(there, task)
        again = there.run("validate", "--changed-since", "1")
        assert "nothing that is held changed between versions 1 and 2, or it was judged since" in again.stderr
        wrong = there.run("validate", "--changed-since", "9")
        assert (wrong.returncode, wrong.stderr.strip()) == (
            1,
            "there is no version 9 of the prefix data; there are: 1, 2",
        )


def _every_output_has_the_whole_verdict(there: Installation, task: str) -> None:
    """The holder and the rate centre of 201-201-0 by version 2, of a held number and of a list alike."""
    expected = {
        "is_valid": "True",
        "validation_reason": "valid",
        "carrier": "NEWCOMER",
        "line_type": "voip",
        "state": "NJ",
        "country": "US",
        "timezone": "America/New_York",
        "rate_center": "NEWARK",
        "block": "2012010",
        "prefix_data_version": "2",
        "validation_source": "internal",
    }
    body = validation("hugo", numbers=["(201) 201-0000"])
    assert result(there, body)["valid_count"] == 1
    for exported in (task, task_id("hugo", body["request_id"])):
        done = there.run("export", exported, "--out", "-")
        assert done.returncode == 0, done.stderr
        row = next(
            row for row in csv.DictReader(io.StringIO(done.stdout, newline="")) if row["carrier"] == "NEWCOMER"
        )
        assert {name: row[name] for name in expected} == expected
        assert row["validated_at"].endswith("Z")
    file = there.directory / "one.txt"
    file.write_text("201-201-0000\n")
    done = there.run("validate", str(file), "--out", "-")
    (row,) = csv.DictReader(io.StringIO(done.stdout, newline=""))
    assert {name: row[name] for name in expected} == expected | {"is_valid": "true"}
