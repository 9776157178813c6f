"""Which partition a key belongs to: murmur2, as the Java client's default, by one function for everybody."""

from aiokafka.partitioner import murmur2


def partition_for(key: str, partitions: int) -> int:
    """Partition of an area code or a user id, of 0..partitions-1."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions
