"""A short run of the suite on real servers; `make chaos` has every fault, and all of them longer."""

from pathlib import Path

import pytest

from chaos.cli import run
from chaos.fault import Fault
from chaos.faults.away import BrokerAway, PostgresAway
from chaos.faults.servers import KillOneOfThreeBrokers
from chaos.faults.upgrade import RollingUpgrade
from chaos.faults.workers import KillWorker, Zombie

SEED = 20261124
AWAY_SECONDS, DEADLINE_SECONDS = 6.0, 2


class BrokerAwayForSeconds(BrokerAway):
    """The broker is away for longer than a step waits."""

    seconds = AWAY_SECONDS


class PostgresAwayForSeconds(PostgresAway):
    """PostgreSQL is away for longer than a step waits."""

    seconds = AWAY_SECONDS


class KillOneBroker(KillOneOfThreeBrokers):
    """kill -9 of one of three brokers; the other two go on."""

    killed = 1


def run_exactly(directory: Path, *faults: type[Fault]) -> None:
    """Each fault once under load; every topic, row and socket message is judged after each."""
    results = run(directory, SEED, faults, len(faults))
    assert [violation for result in results for violation in result.violations] == []
    assert {result.round.fault for result in results} == set(faults)
    assert all(result.tasks > 1 for result in results)


@pytest.mark.timeout(600)
def test_killed_stopped_and_upgraded_workers_leave_all_exact(tmp_path: Path) -> None:
    """One killed, one stopped for longer than its session, all and the gateway replaced by a newer release."""
    run_exactly(tmp_path, KillWorker, Zombie, RollingUpgrade)


@pytest.mark.timeout(600)
def test_servers_that_are_away_for_longer_than_the_deadline_leave_all_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/readyz` says which, memory stays what it was, and nothing becomes a dead letter."""
    monkeypatch.setenv("NUMBERLINE_DEADLINE_SECONDS", str(DEADLINE_SECONDS))
    run_exactly(tmp_path, BrokerAwayForSeconds, PostgresAwayForSeconds)


@pytest.mark.timeout(600)
def test_one_of_three_brokers_may_be_away(tmp_path: Path) -> None:
    """Work goes on without it; whatever brokers keep for themselves has three copies, too."""
    run_exactly(tmp_path, KillOneBroker)
