"""numberline prefixes, on a real broker and a real PostgreSQL: versions come, go back, and are never half there."""

import asyncio
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click
import psycopg
import pytest

from embedded import Kafka, Postgres
from numberline.cli import main
from numberline.cli.prefixes import _write_rejected
from numberline.errors import NotReachable
from numberline.prefixes import release, shipped, versions
from numberline.prefixes.publishing import Publisher
from numberline.prefixes.shipped import load_shipped
from numberline.setup import database, topics
from schemas import codec, events
from tests.fix_installation import PARTITIONS, SMALL_ROWS, Installation, load_rows, make_installation
from tests.prefix_files import (
    CANADA_HEADER,
    CO_CODES_HEADER,
    OWN_HEADER,
    THOUSANDS_BLOCKS_HEADER,
    canadian,
    co_code,
    thousands_block,
    write,
)

UNITED_STATES = [
    CO_CODES_HEADER,
    co_code("201-200", "VERIZON NEW JERSEY", pooled="Y"),
    co_code("201-201", "T-MOBILE USA, INC."),
    co_code("202-300", "VERIZON WASHINGTON DC", state="DC", rate_center="WASHINGTON"),
    co_code("202-555", use="UA"),
]
POOLED = [THOUSANDS_BLOCKS_HEADER, thousands_block("201-200-1", "ONVOY, LLC - NJ")]


@pytest.fixture
def bare(kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path) -> Installation:
    """An installation of its own with the blocks of SMALL_ROWS, without processes."""
    made = make_installation(kafka_server, postgres_server, tmp_path, f"bare-{uuid.uuid4().hex[:8]}")
    url = made.settings.database_url.get_secret_value()
    database.upgrade(url)
    database.remember_partitions(url, PARTITIONS)
    servers = made.settings.kafka_bootstrap_servers
    asyncio.run(topics.create_topics(servers, made.settings.namespace, PARTITIONS, 1))
    load_rows(made.settings, SMALL_ROWS)
    return made


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(bare: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line with the environment of `bare`, in this process: to start Python would cost more."""

    def command(*arguments: str, **environment: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["numberline", *arguments])
        with monkeypatch.context() as patched:
            for name, value in {**bare.environment, **environment}.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as exit_:
                main()
        out, err = capsys.readouterr()
        return Done(int(exit_.value.code or 0), out, err)

    return command


def published(bare: Installation) -> dict[str, events.Event | None]:
    """The newest record under each key of the topic; None of a tombstone."""
    found = {}
    for record in bare.records("prefixes"):
        found[record.key().decode()] = codec.decode(record.value()) if record.value() else None
    return found


def current(bare: Installation) -> tuple[int, int]:
    """The current version for workers, and for PostgreSQL."""
    announced = published(bare)["current"]
    assert isinstance(announced, events.PrefixCurrent)
    ((known,),) = bare.rows("SELECT max(version) FROM prefix_versions WHERE published_at IS NOT NULL")
    return announced.version, known


def holders(bare: Installation, version: int) -> list[tuple[object, ...]]:
    """The rows of a version, those of fictional numbers left out."""
    return bare.rows(
        "SELECT area_code, nxx, blocks, carrier, line_type, rate_center FROM prefixes "
        "WHERE version = %s AND carrier IS NOT NULL ORDER BY area_code, nxx, blocks",
        version,
    )


def test_an_import_makes_a_version_of_all_its_files(bare: Installation, run: Run, tmp_path: Path) -> None:
    """Its report counts; rows, the topic and the list of versions have it; Canada, not covered, would stay."""
    codes = write(tmp_path / "codes.zip", UNITED_STATES, "latin-1")
    pooled = write(tmp_path / "blocks.csv.gz", POOLED)
    done = run("prefixes", "import", str(codes), str(pooled))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:4] == [
        "codes.zip: CoCodeAssignment_Utilized_AllStates_Public, of 2026-09-03",
        "  4 lines: 3 held, 1 not held (UA 1), 0 rejected",
        "blocks.csv.gz: ThousandsBlockAssignment_All_Augmented",
        "  1 lines: 1 held, 0 not held, 0 rejected",
    ]
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["US", "all", "30,000", "10", "1", "19", "0"] in words
    assert ["NJ", "20,000", "10", "1", "9", "0"] in words
    assert "changed against version 1: 26 added, 1 moved, 3 amended" in done.stdout
    assert ["US", "26", "0", "1", "3"] in words
    assert done.stdout.endswith("Version 2 is published; running workers take it up within seconds.\n")
    assert holders(bare, 2) == [
        (201, 200, 0b10, "ONVOY, LLC - NJ", "voip", "NEWARK"),
        (201, 200, 0b11_1111_1101, "VERIZON NEW JERSEY", "landline", "NEWARK"),
        (201, 201, 0b11_1111_1111, "T-MOBILE USA, INC.", "wireless", "NEWARK"),
        (202, 300, 0b11_1111_1111, "VERIZON WASHINGTON DC", "landline", "WASHINGTON"),
    ]
    event = published(bare)["201|2"]
    assert isinstance(event, events.PrefixBlocks)
    assert event.rate_center_names == ("NEWARK", "")
    assert current(bare) == (2, 2)
    listed = run("prefixes", "versions").stdout.splitlines()
    assert listed[1].split()[:3] == ["1", "superseded", "import"]
    assert listed[2].split()[:3] == ["2", "current", "import"]
    assert listed[2].split()[5:9] == ["2026-09-03", "2", "30", "26"]
    assert listed[2].endswith("codes.zip, blocks.csv.gz")
    canada = write(tmp_path / "canada.csv", [CANADA_HEADER, canadian("416", "203")])
    assert run("prefixes", "import", str(canada)).returncode == 0
    assert [row[:2] for row in holders(bare, 3)] == [(201, 200), (201, 200), (201, 201), (202, 300), (416, 203)]


def test_a_dry_run_and_a_refused_file_change_nothing(bare: Installation, run: Run, tmp_path: Path) -> None:
    """Neither rows nor records, but the refusal's; every line that breaks a rule can be had in a file."""
    before = bare.rows("SELECT * FROM prefix_versions"), len(bare.records("prefixes"))
    codes = write(tmp_path / "codes.txt", UNITED_STATES)
    dry = run("prefixes", "import", "--dry-run", str(codes))
    assert (dry.returncode, dry.stdout.splitlines()[-1]) == (0, "Dry run: nothing was changed.")
    broken = write(tmp_path / "broken.txt", [*UNITED_STATES, "NJ\t201-20x", co_code("201-20x")])
    refused = run("prefixes", "import", str(broken))
    assert refused.returncode == 1
    assert refused.stdout == ""
    reasons = (
        "line 6: has 2 columns and must have 11",
        'line 7: NPA-NXX must be an area code and an exchange, such as 212-664; it is "201-20x"',
    )
    assert refused.stderr.splitlines() == [
        "broken.txt: 2 of 6 lines break rules, more than 1%",
        *(f"  {reason}" for reason in reasons),
        "Mend the file; --rejected FILE lists every such line.",
        "Nothing was changed.",
    ]
    rejected = tmp_path / "rejected.csv"
    refused = run("prefixes", "import", "--rejected", str(rejected), str(broken))
    assert refused.stderr.splitlines()[0] == f"2 rejected lines are in {rejected}"
    assert rejected.read_text().splitlines()[:2] == [
        "file,line,reason",
        "broken.txt,6,has 2 columns and must have 11",
    ]
    assert (bare.rows("SELECT * FROM prefix_versions"), len(bare.records("prefixes"))) == before
    assert bare.audited() == [("import prefixes", "broken.txt", "refused")] * 2


def test_misuse_is_told_at_once(bare: Installation, run: Run, tmp_path: Path) -> None:
    """A mapping that is none, an area code that is none, an encoding that is none, a version that is none."""
    mine = write(tmp_path / "mine.csv", ["a,b", "201,200"])
    for arguments, message in (
        (("--map", "npa=a"), "Invalid value for '--map': nxx, carrier must be named"),
        (("--new-area-code", "12"), "12 must be three digits, the first 2 to 9"),
        (("--encoding", "klingon"), "klingon is no encoding that Python knows"),
        (("--encoding", "latin-1"), "--encoding is for a file with --map: the other formats have theirs"),
    ):
        done = run("prefixes", "import", str(mine), *arguments)
        assert done.returncode == 2
        assert message in done.stderr
    unknown = run("prefixes", "diff", "7")
    assert (unknown.returncode, unknown.stderr) == (
        1,
        "there is no version 7 of the prefix data; there are: 1\n",
    )
    assert run("prefixes", "rollback", "2").returncode == 1
    assert bare.audited() == [("roll back prefixes", "to version 2", "refused")]


def test_versions_differ_and_can_be_gone_back_to(bare: Installation, run: Run, tmp_path: Path) -> None:
    """diff counts by area code and lists blocks; a rollback is a new version with the old rows."""
    own = write(
        tmp_path / "own.csv",
        [
            OWN_HEADER,
            "201,200,01,US,NJ,America/New_York,VERIZON NEW JERSEY,landline",
            '201,201,0,US,NJ,America/New_York,"ONVOY, LLC",voip',
            "202,301,0,US,DC,America/New_York,VERIZON WASHINGTON DC,landline",
        ],
    )
    done = run("prefixes", "import", "--accept-loss", str(own))
    assert done.returncode == 0, done.stderr
    differ = run("prefixes", "diff", "1")
    assert differ.stdout.splitlines()[0] == (
        "thousands blocks that differ: 1 added, 1 withdrawn, 1 moved, in 2 area codes"
    )
    assert [line.split() for line in differ.stdout.splitlines()[2:]] == [
        ["202", "1", "1", "0", "0"],
        ["201", "0", "0", "1", "0"],
    ]
    blocks = run("prefixes", "diff", "1", "2", "--blocks").stdout.splitlines()
    assert blocks == [
        "area_code,exchange,block,change,carrier,line_type,carrier_before,line_type_before",
        '201,201,0,moved,"ONVOY, LLC",voip,"T-MOBILE USA, INC.",wireless',
        "202,300,0,withdrawn,,,VERIZON WASHINGTON DC,landline",
        "202,301,0,added,VERIZON WASHINGTON DC,landline,,",
    ]
    back = run("prefixes", "rollback", "1")
    assert back.stdout == (
        "Version 3 has the data of version 1; thousands blocks changed: 1 added, 1 withdrawn, 1 moved.\n"
    )
    assert current(bare) == (3, 3)
    assert holders(bare, 3) == holders(bare, 1)
    assert bare.audited() == [
        ("import prefixes", "version 2", "done"),
        ("roll back prefixes", "version 3", "done"),
    ]
    assert run("prefixes", "diff", "1", "3").stdout == ("thousands blocks that differ: none, in 0 area codes\n")


def test_the_same_data_again_is_no_new_version(bare: Installation, run: Run, tmp_path: Path) -> None:
    """But `current` is said once more, should whoever said it last have died before."""
    codes = write(tmp_path / "codes.txt", UNITED_STATES)
    assert run("prefixes", "import", str(codes)).returncode == 0
    with psycopg.connect(bare.settings.database_url.get_secret_value()) as connection:
        (version,) = [one for one in versions.all_versions(connection) if one.version == 1]
    asyncio.run(Publisher(bare.settings, PARTITIONS).make_current(version))
    assert current(bare) == (1, 2)
    again = run("prefixes", "import", str(codes))
    assert again.stdout.splitlines()[-1] == "Nothing differs: version 2 stays."
    assert current(bare) == (2, 2)
    assert bare.audited() == [("import prefixes", "version 2", "done")] * 2


def test_an_import_that_breaks_off_leaves_the_data_as_it_was(bare: Installation, run: Run, tmp_path: Path) -> None:
    """The broker is away: the version is never current, and the next import takes another number."""
    codes = write(tmp_path / "codes.txt", UNITED_STATES)
    gone = run("prefixes", "import", str(codes), NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert gone.returncode == 1
    assert gone.stderr.splitlines()[-2].startswith("the Kafka broker 127.0.0.1:1 cannot be reached: ")
    assert current(bare) == (1, 1)
    assert run("prefixes", "versions").stdout.splitlines()[2].split()[:3] == ["2", "broken", "off"]
    done = run("prefixes", "import", str(codes))
    assert done.returncode == 0, done.stderr
    assert current(bare) == (3, 3)
    assert bare.rows("SELECT count(*) FROM prefixes WHERE version = 2") == [(0,)]


def test_what_was_superseded_long_ago_is_taken_off_kafka(bare: Installation, run: Run, tmp_path: Path) -> None:
    """30 days after; its rows stay, for numbers refer to them, so it can still be gone back to. A withdrawn area
    code has an empty record, by which a worker knows that the old version is gone."""
    codes = write(tmp_path / "codes.txt", [line for line in UNITED_STATES if "\t202-" not in line])
    assert run("prefixes", "import", "--accept-loss", str(codes)).returncode == 0
    with psycopg.connect(bare.settings.database_url.get_secret_value()) as connection:
        connection.execute("UPDATE prefix_versions SET published_at = now() - interval '31 days'")
    assert run("prefixes", "rollback", "1").returncode == 0
    found = published(bare)
    assert [found[key] for key in ("201|1", "202|1")] == [None, None]
    withdrawn = found["202|2"]
    assert isinstance(withdrawn, events.PrefixBlocks)
    assert withdrawn.nxx == b""
    announced = found["current"]
    assert isinstance(announced, events.PrefixCurrent)
    assert announced.area_codes == ("201", "202")
    states = [line.split()[:2] for line in run("prefixes", "versions").stdout.splitlines()[1:]]
    assert states == [["1", "deleted"], ["2", "superseded"], ["3", "current"]]
    assert holders(bare, 1) == holders(bare, 3)


def test_one_import_at_a_time(bare: Installation, run: Run, tmp_path: Path) -> None:
    """A second one is told so."""
    codes = write(tmp_path / "codes.txt", UNITED_STATES)
    with versions.locked(bare.settings):
        done = run("prefixes", "import", str(codes))
    assert (done.returncode, done.stderr) == (
        2,
        "another import is changing the prefix data\nTry again when it has ended.\n",
    )
    assert bare.audited() == [("import prefixes", "codes.txt", "refused")]


def test_init_leaves_what_was_imported(bare: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads the shipped data where there is none or an older one of it."""
    assert load_shipped(bare.settings).version == 1
    with psycopg.connect(bare.settings.database_url.get_secret_value()) as connection:
        connection.execute("UPDATE prefix_versions SET origin = 'shipped'")
    monkeypatch.setattr(shipped, "read_rows", lambda _: iter(SMALL_ROWS[:2]))
    assert load_shipped(bare.settings).version == 2
    assert current(bare) == (2, 2)
    records = len(bare.records("prefixes"))
    assert load_shipped(bare.settings).version == 2
    assert len(bare.records("prefixes")) == records + 1  # `current`, once more


def test_init_publishes_again_what_the_broker_has_lost(bare: Installation) -> None:
    """The same database with the topics of a new broker."""
    anew = replace(bare, settings=bare.settings.model_copy(update={"namespace": f"{bare.settings.namespace}-anew"}))
    servers = anew.settings.kafka_bootstrap_servers
    asyncio.run(topics.create_topics(servers, anew.settings.namespace, PARTITIONS, 1))
    assert load_shipped(anew.settings).version == 1
    assert published(anew).keys() == published(bare).keys() == {"201|1", "202|1", "current"}
    assert published(anew)["201|1"] == published(bare)["201|1"]


def test_a_broker_that_is_away_is_told(bare: Installation) -> None:
    """By what to do."""
    away = bare.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    with versions.locked(away) as connection:
        known = versions.current(connection)
        assert known is not None
        with pytest.raises(NotReachable):
            release.make_current_again(away, connection, known)


def test_before_init_the_commands_say_so(postgres_server: Postgres, kafka_server: Kafka, tmp_path: Path) -> None:
    """A database without tables."""
    made = make_installation(kafka_server, postgres_server, tmp_path, f"empty-{uuid.uuid4().hex[:8]}")
    done = made.run("prefixes", "versions")
    assert (done.returncode, done.stderr) == (
        2,
        "the tables are missing\nRun `numberline init` with the same environment.\n",
    )


def test_rejected_lines_that_cannot_be_written_are_told_of(tmp_path: Path) -> None:
    """In a sentence, and where nothing is imported yet."""
    with pytest.raises(click.FileError, match="No such file or directory"):
        _write_rejected([], tmp_path / "nowhere" / "rejected.csv")
