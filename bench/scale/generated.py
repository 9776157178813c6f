"""A ledger that the pipeline itself fills, a million after the other, and what each of them costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import procfs
from bench.errors import BenchError
from bench.scale.machine import Machine
from bench.scale.measured import FEW, USER
from bench.stats import median

MILLION = 1_000_000
ENDS = 5  # millions at the beginning and at the end that are compared


@dataclass
class Generated:
    """Each million in turn: seconds, and milliseconds of the step allocate a batch. Megabytes are 10**6 bytes."""

    seconds: list[float] = field(default_factory=list)
    allocate_milliseconds: list[float] = field(default_factory=list)
    worker_megabytes: float = 0.0
    database_megabytes: float = 0.0
    topics_megabytes: float = 0.0

    @property
    def cost(self) -> float:
        """Of one of the last millions over one of the first, medians of the whole pipeline's time."""
        return median(self.seconds[-ENDS:]) / median(self.seconds[:ENDS])

    @property
    def allocate_cost(self) -> float:
        """The same of the step that reads and writes the ledger."""
        return median(self.allocate_milliseconds[-ENDS:]) / median(self.allocate_milliseconds[:ENDS])

    def lines(self) -> list[str]:
        """For a person."""
        rate = len(self.seconds) * MILLION / sum(self.seconds)
        first, last = median(self.allocate_milliseconds[:ENDS]), median(self.allocate_milliseconds[-ENDS:])
        return [
            f"{len(self.seconds)} millions through the pipeline, {rate:,.0f} numbers a second",
            f"  the last {ENDS} over the first {ENDS}: {self.cost:.2f} x",
            f"  allocate, a batch: {first:.1f} ms at first, {last:.1f} ms at last, {self.allocate_cost:.2f} x",
            f"  worker's peak {self.worker_megabytes:,.0f} MB, PostgreSQL {self.database_megabytes:,.0f} MB, "
            f"all topics {self.topics_megabytes:,.0f} MB",
        ]


async def generate(machine: Machine, numbers: int, codes: Sequence[str]) -> Generated:
    """So many numbers over these area codes, each million a task over all of them.  Raises BenchError."""
    one, load = Generated(), machine.load
    async with load.client(USER) as client:
        await load.one(client, USER, FEW * len(codes), codes)  # makes the spaces known
        load.settle()
        for done in range(0, numbers, MILLION):
            if done % (10 * MILLION) == 0:
                machine.say(f"{done:,} of {numbers:,} numbers are given out")
            records, seconds = machine.system.step_seconds()["allocate"]
            task = await load.one(client, USER, MILLION, codes)
            more_records, more_seconds = machine.system.step_seconds()["allocate"]
            one.seconds.append(task.seconds)
            batches = more_records - records
            one.allocate_milliseconds.append((more_seconds - seconds) / batches * 1000)
    machine.say("counting the rows")
    account = load.settle()
    if account.disagreeing or account.stored != numbers:
        raise BenchError(f"{account.stored:,} rows of {numbers:,} numbers; wrong: {account.disagreeing}")
    one.worker_megabytes = procfs.memory(machine.worker.pid).peak
    one.database_megabytes, one.topics_megabytes = machine.megabytes("base"), machine.megabytes("numberline-*")
    return one
