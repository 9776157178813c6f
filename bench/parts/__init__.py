"""The parts, in the order in which they run: one file each, with a `PART`."""

from bench.part import Part
from bench.parts import (
    capacity,
    cost,
    crowded,
    filtered,
    gateway,
    http,
    latency,
    memory,
    million,
    mixed,
    peers,
    pure,
    resources,
    suppressed,
    validation,
    workers,
)

# memory early: the parts after it give out ten times as many numbers, by the same worker
PARTS: tuple[Part, ...] = (
    *(million.PART, peers.PART, memory.PART, cost.PART, filtered.PART, latency.PART, mixed.PART, crowded.PART),
    *(
        validation.PART,
        suppressed.PART,
        capacity.PART,
        http.PART,
        workers.PART,
        resources.PART,
        pure.PART,
        gateway.PART,
    ),
)
