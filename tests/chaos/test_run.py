"""A short run of the suite on real servers; `make chaos` has every fault."""

from pathlib import Path

import pytest

from chaos.cli import run
from chaos.faults.workers import KillWorker, Zombie

SEED = 20261124


@pytest.mark.timeout(400)
def test_a_killed_worker_and_a_zombie_leave_all_exact(tmp_path: Path) -> None:
    """Two faults under load; every topic, row and socket message is judged after each."""
    results = run(tmp_path, SEED, [KillWorker, Zombie], 2)
    assert [violation for result in results for violation in result.violations] == []
    assert len(results) == 2
    assert all(result.tasks > 1 for result in results)
