"""What happens when, out of a seed alone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from chaos.fault import Fault

FEW, MANY = 2, 5  # fewer, and more, than the four partitions
ROUNDS_OF_MANY = 6  # every so manieth, at the end


@dataclass(frozen=True)
class Round:
    """One fault under load. seed: of all that the fault and the load decide by chance."""

    number: int
    fault: type[Fault]
    workers: int
    seed: int

    def chance(self, what: str) -> Random:
        """The source of chance for one of its parts, independent of the others."""
        return Random(f"{self.seed}/{what}")


def schedule(seed: int, faults: Sequence[type[Fault]], rounds: int) -> tuple[Round, ...]:
    """Every fault once, in an order by the seed, and again until there are so many rounds; what needs more brokers
    comes last, for it needs another system.

    The first half runs with two workers, the rest with three; the last rounds of a long schedule with more workers
    than there are partitions without a setting.
    """
    chance = Random(seed)
    order: list[type[Fault]] = []
    while len(order) < rounds:
        order += chance.sample(list(faults), len(faults))
    order = sorted(order[:rounds], key=lambda fault: fault.brokers)
    return tuple(
        Round(number, fault, workers_of(number, rounds), chance.randrange(1 << 32))
        for number, fault in enumerate(order, 1)
    )


def workers_of(number: int, rounds: int) -> int:
    """How many workers the round of this number, from 1, has."""
    if number > rounds - rounds // ROUNDS_OF_MANY:
        return MANY
    return FEW if number <= (rounds + 1) // 2 else FEW + 1
