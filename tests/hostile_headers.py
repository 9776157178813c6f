"""Records as no client library sends them: with a header whose name is no UTF-8."""

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

PLACE_OF_CRC, FIRST_OF_CRC = slice(17, 21), 21  # of a record batch (Kafka protocol, message format 2)


async def send_with_header(servers: str, topic: str, value: bytes, name: bytes) -> None:
    """One record on partition 0, with an empty header of this name."""
    placeholder = "~" * len(name)
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=b"any", value=value, headers=[(placeholder, b"")])
        raw = bytearray(batch._build())
        at = raw.index(placeholder.encode())
        raw[at : at + len(name)] = name
        raw[PLACE_OF_CRC] = calc_crc32c(bytes(raw[FIRST_OF_CRC:])).to_bytes(4, "big")
        batch._buffer = bytes(raw)
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()
