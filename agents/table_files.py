"""The files of a worker's tables, as its metrics tell of them."""

from functools import partial
from pathlib import Path

from pipeline.metrics import WorkerMetrics
from schemas import topics


def watch_tables(metrics: WorkerMetrics, directory: Path) -> None:
    """Add up the files below a worker's directory whenever they are asked for, in the thread that answers."""
    for table in topics.TABLES:
        metrics.table_disk_bytes.labels(table).set_function(partial(bytes_of, directory, table))


def bytes_of(directory: Path, table: str) -> int:
    """What one table takes: Faust keeps a RocksDB database a partition, TABLE-PARTITION.db."""
    return sum(_size(file) for file in directory.glob(f"**/{table}-*.db/*"))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # compacted away meanwhile
        return 0
