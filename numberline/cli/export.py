"""export: the numbers of a task, or the list that it judged, as a file."""

import uuid

import click

from numberline.cli.files import format_of, write_rows_to
from numberline.database import database
from numberline.rows import FORMATS, RUN_COLUMNS, run_rows, task_rows
from pipeline.settings import load_settings

RESULTS = """
SELECT t.type, t.quantity, EXISTS (SELECT FROM validations v WHERE v.task_id = t.task_id)
FROM tasks t WHERE t.task_id = %s
"""


@click.command(
    epilog="""\b
Examples:
  numberline export 67c37db2-5f46-5504-a1ae-9fe9d23fa812 --out numbers.csv
  numberline export 67c37db2-5f46-5504-a1ae-9fe9d23fa812 --format ndjson --out -
"""
)
@click.argument("task_id", metavar="ID", type=click.UUID)
@click.option(
    "--out", "-o", required=True, type=click.Path(dir_okay=False, allow_dash=True), help="- for standard output."
)
@click.option("--format", "format_", type=click.Choice(FORMATS), help="By the file's ending without it, else csv.")
def export(task_id: uuid.UUID, out: str, format_: str | None) -> None:
    """Write the numbers that a task has delivered; or the list that it judged, in the order given.

    Of a list, `duplicate_of` is the first place of the same number, where that is another.
    """
    settings = load_settings()
    task = str(task_id)
    with database(settings) as connection:
        row = connection.execute(RESULTS, (task,)).fetchone()
    if row is None:
        raise click.UsageError(f"no task {task} is known")
    type_, total, has_run = row
    if type_ == "validate" and not has_run:
        raise click.UsageError(f"task {task} judged numbers that are held: export the task that delivered them")
    if has_run:
        write_rows_to(
            settings, lambda found: run_rows(found, task), RUN_COLUMNS, total, out, format_of(out, format_)
        )
    else:
        write_rows_to(settings, lambda found: task_rows(found, task), None, total, out, format_of(out, format_))
