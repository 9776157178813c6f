"""Facts of 5,000 numbers in the ledger's changelog, as allocate would have left them.

A fact holds every 1,600th number of an area code from one at random on, so that it has the size of a random one,
and so have all together.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
from pyroaring import BitMap

from bench.system import System
from numberline.database import installed_partitions
from numberline.kafka import kafka_producer
from pipeline import numbering
from pipeline.allocate import fact_key
from schemas import topics
from schemas.partitions import partition_for

FACT_NUMBERS = 5_000
STRIDE = numbering.NUMBERS // FACT_NUMBERS
TASK = "00000000-0000-5000-8000-000000000000"
UNACKNOWLEDGED = 2_000


def facts_a_code(numbers: int, area_codes: int) -> int:
    """How many facts an area code has in the end."""
    return numbers // FACT_NUMBERS // area_codes


async def write_facts(system: System, numbers: int, codes: Sequence[str], part: int, parts: int) -> int:
    """One part of the facts of so many numbers over these area codes; how many they are."""
    settings = system.settings
    partitions, topic = installed_partitions(settings), topics.changelog_name(settings.namespace, "ledger")
    async with kafka_producer(settings) as producer:
        sent, count = [], 0
        async for code, key, value in facts_of(numbers, codes, part, parts):
            sent.append(await producer.send(topic, value, key, partition=partition_for(code, partitions)))
            count += 1
            if len(sent) == UNACKNOWLEDGED:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    return count


async def facts_of(
    numbers: int, codes: Sequence[str], part: int = 0, parts: int = 1
) -> AsyncIterator[tuple[str, bytes, bytes]]:
    """Area code, key and fact; no number is in two of an area code's."""
    each = facts_a_code(numbers, len(codes))
    for code in codes:
        firsts = np.random.default_rng(int(code)).permutation(STRIDE)
        for batch in range(each * part // parts, each * (part + 1) // parts):
            held = BitMap(np.arange(firsts[batch], numbering.NUMBERS, STRIDE, dtype=np.uint32))
            yield code, fact_key(code, TASK, batch), bytes(held.serialize())
        await asyncio.sleep(0)
