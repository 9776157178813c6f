"""The newest migration, by the names of the files: a worker that starts need not import Alembic for it."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"


def newest_migration() -> str:
    """What the tables must have gone through for this version of numberline, such as 0008."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("*.py"))
