"""quota: what users may ask for."""

import asyncio

import click
from rich.table import Table

from numberline import audit
from numberline.cli.screen import screen
from numberline.cli.tokens import check_user
from numberline.database import database
from numberline.login import login_name
from pipeline.settings import load_settings

EVERYBODY = "*"
UNBOUNDED = "no bound"
USER = click.argument("user", required=False, callback=check_user)
OTHERS = click.option("--others", is_flag=True, help="Every user who has no quota of their own.")

SET = """
INSERT INTO quotas (user_id, numbers_a_day, tasks_at_once, changed_by) VALUES (%s, %s, %s, %s)
ON CONFLICT (user_id) DO UPDATE SET numbers_a_day = excluded.numbers_a_day, tasks_at_once = excluded.tasks_at_once,
    changed_by = excluded.changed_by, changed_at = now()
"""
LIST = """
SELECT q.user_id, q.numbers_a_day, q.tasks_at_once, q.changed_by, q.changed_at,
    count(t.task_id) FILTER (WHERE t.status IN ('pending', 'running')),
    coalesce(sum(CASE WHEN t.status IN ('pending', 'running') THEN t.quantity ELSE t.succeeded END)
        FILTER (WHERE t.type = 'generate' AND t.started_at >= date_trunc('day', now(), 'UTC')), 0)
FROM quotas q LEFT JOIN tasks t ON t.user_id = q.user_id AND t.created_at >= now() - interval '8 days'
GROUP BY q.user_id ORDER BY q.user_id
"""


@click.group(
    epilog="""\b
Examples:
  numberline quota set ada --numbers-a-day 1000000 --tasks-at-once 4
  numberline quota set --others --tasks-at-once 10
  numberline quota remove ada
  numberline quota list
"""
)
def quota() -> None:
    """Bound what a user may ask for: numbers a day (UTC), and tasks at once.

    A change holds within about a second, for requests that come after it. What is counted are tasks that came while
    their user had a quota: their numbers as asked for while they run, as delivered when they have ended.
    """


@quota.command("set")
@USER
@OTHERS
@click.option("--numbers-a-day", type=click.IntRange(0, 2**62), help="No bound without it.")
@click.option("--tasks-at-once", type=click.IntRange(0, 2**31 - 1), help="No bound without it.")
def set_(user: str | None, others: bool, numbers_a_day: int | None, tasks_at_once: int | None) -> None:
    """Set the quota of USER; it replaces the one before."""
    whose = _whose(user, others)
    if numbers_a_day is None and tasks_at_once is None:
        raise click.UsageError(
            "give --numbers-a-day, --tasks-at-once or both; `numberline quota remove` ends a quota"
        )
    settings, bounds = load_settings(), {"numbers_a_day": numbers_a_day, "tasks_at_once": tasks_at_once}
    with database(settings) as connection:  # rolled back where the record cannot be left
        connection.execute(SET, (whose, numbers_a_day, tasks_at_once, login_name()))
        asyncio.run(audit.leave(settings, audit.entry("set quota", _name(whose), bounds)))
    click.echo(f"{_name(whose)}: {_bound(numbers_a_day)} numbers a day, {_bound(tasks_at_once)} tasks at once")


@quota.command()
@USER
@OTHERS
def remove(user: str | None, others: bool) -> None:
    """End the quota of USER, who then has that of the others, if there is one."""
    whose = _whose(user, others)
    settings = load_settings()
    with database(settings) as connection:
        if not connection.execute("DELETE FROM quotas WHERE user_id = %s", (whose,)).rowcount:
            raise click.UsageError(f"{_name(whose)} has no quota")
        asyncio.run(audit.leave(settings, audit.entry("remove quota", _name(whose), {})))
    click.echo(f"{_name(whose)}: no quota any more")


@quota.command("list")
def list_() -> None:
    """List all quotas, and how much of each is used: it may be a moment behind."""
    with database(load_settings()) as connection:
        rows = connection.execute(LIST).fetchall()
    table = Table(box=None, pad_edge=False)
    for title in ("user", "numbers a day", "today", "tasks at once", "running", "changed by", "changed"):
        table.add_column(title, justify="right" if title in ("numbers a day", "today", "tasks at once") else "left")
    for user, numbers, tasks, by, at, running, today in rows:
        used = ("", "") if user == EVERYBODY else (f"{today:,}", f"{running:,}")
        when = f"{at:%Y-%m-%d %H:%M:%S}"
        table.add_row(_name(user), _bound(numbers), used[0], _bound(tasks), used[1], by, when)
    screen(140).print(table if rows else "nobody has a quota")


def _whose(user: str | None, others: bool) -> str:
    if bool(user) == others:
        raise click.UsageError("give a USER, or --others")
    return user or EVERYBODY


def _name(user: str) -> str:
    return "all others" if user == EVERYBODY else user


def _bound(value: int | None) -> str:
    return UNBOUNDED if value is None else f"{value:,}"
