"""The measured system, whose worker is stopped and started again and again."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.errors import BenchError
from bench.load import Load
from bench.procfs import MEGABYTE
from bench.system import System, installed, servers
from numberline.processes import ManagedProcess
from pipeline.settings import variable

READY_SECONDS = 600.0
Say = Callable[[str], None]


@dataclass
class Machine:
    """The system. environment: settings that the worker is started with from now on."""

    system: System
    state: Path
    worker: ManagedProcess
    load: Load
    say: Say
    environment: dict[str, str] = field(default_factory=dict)

    def stop(self) -> None:
        """End the worker, as an operator does."""
        self.worker.stop()

    def start(self) -> float:
        """Start the worker; seconds until it has its partitions and tables.  Raises BenchError."""
        started = time.perf_counter()
        port = self.system.worker_metrics_url.rpartition(":")[2].partition("/")[0]
        environment = {variable("metrics_port"): port} | self.environment
        log = self.state / "logs" / "worker.log"
        self.worker = ManagedProcess("worker", "worker", environment, log, self.system.incidents.append)
        self.worker.start()
        while not self.system.worker_ready():
            if time.perf_counter() - started > READY_SECONDS:
                raise BenchError(f"the worker is not ready within {READY_SECONDS:g} s; see {log}")
            time.sleep(0.05)
        return time.perf_counter() - started

    def lose_state(self) -> None:
        """Remove the worker's local copies."""
        shutil.rmtree(self.state / "workers")

    def megabytes(self, pattern: str) -> float:
        """What the directories of this name hold on the disk."""
        files = (
            file
            for found in self.state.rglob(pattern)
            if found.is_dir()
            for file in found.rglob("*")
            if file.is_file()
        )
        return sum(file.stat().st_size for file in files) / MEGABYTE

    def largest_area_codes(self) -> list[str]:
        """Those with the most numbers first."""
        query = "SELECT area_code::text FROM prefixes GROUP BY 1 ORDER BY sum(bit_count(blocks::int::bit(16))) DESC"
        with psycopg.connect(self.system.database_url) as connection:
            return [code for (code,) in connection.execute(query)]


@contextlib.contextmanager
def machine(say: Say, postgres_settings: Mapping[str, str]) -> Iterator[Machine]:
    """One in a new temporary directory that is removed at the end."""
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="numberline-scale-")))
        kafka, postgres = stack.enter_context(servers(state, say, postgres_settings))
        system = stack.enter_context(installed(kafka, postgres, state, say))
        made = Machine(system, state, system.worker, Load(system.settings), say)
        stack.callback(made.stop)
        yield made
