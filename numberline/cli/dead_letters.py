"""deadletters: what could not be processed; look at it, send it again, or put it aside."""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from numberline import audit, dead_letters
from numberline.cli.screen import plain
from numberline.dead_letters import Choice, Found
from pipeline.dead_letters import Letter, Origin
from pipeline.settings import Settings, load_settings
from schemas import codec

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
ORIGIN = re.compile(r"([a-z-]+)/(\d+)/(\d+)")
MOST_SHOWN = 60  # characters of a message in a list
MOST_AUDITED = 1_000  # names of letters in an audit record
errors = Console(stderr=True)

Command = Callable[..., Any]


class Moment(click.ParamType):
    """A time as RFC 3339, or how long ago."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since the epoch; 0 for all before it, which no broker takes."""
        if match := re.fullmatch(r"(\d+)([smhd])", str(value)):
            return max(0, int(time.time() * 1000) - int(match[1]) * UNITS[match[2]] * 1000)
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither like 30m, 2h or 7d (ago) nor like 2026-09-30T12:00:00Z", param, ctx)
        return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))


def _origins(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> frozenset[Origin]:
    found = set()
    for value in values:
        if (match := ORIGIN.fullmatch(value)) is None:
            raise click.BadParameter(
                f"{value!r} is not like requests/0/17, as `numberline deadletters list` has it"
            )
        found.add(Origin(match[1], int(match[2]), int(match[3])))
    return frozenset(found)


LETTERS = click.argument("origins", metavar="[LETTER]...", nargs=-1, callback=_origins)


def _chosen(command: Command) -> Command:
    """The options by which letters are chosen."""
    for option in (
        click.option("--until", type=Moment(), help="Come before this time, or so long ago, such as 10m."),
        click.option("--since", type=Moment(), help="Come at or after this time, or no longer ago, such as 2h."),
        click.option("--task", help="About this task."),
        click.option("--stage", "stages", multiple=True, help="Given up by this step. May be repeated."),
        click.option("--reason", "reasons", multiple=True, help="An error code or kind of error. May be repeated."),
    ):
        command = option(command)
    return command


@click.group("deadletters")
def deadletters() -> None:
    """Look after the records that could not be processed.

    A letter is named by where its record was read, such as requests/0/17.
    """


@deadletters.command(
    "list",
    epilog="""\b
Examples:
  numberline deadletters list
  numberline deadletters list --reason StepFailed --since 2h
  numberline deadletters list --task 67c37db2-5f46-5504-a1ae-9fe9d23fa812 --all --json
""",
)
@_chosen
@click.option("--all", "settled_too", is_flag=True, help="Those that were replayed or discarded as well.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(settled_too: bool, limit: int, as_json: bool, **chosen: Any) -> None:
    """List dead letters, oldest first, and how many there are of each reason."""
    found = [one for one in _find(load_settings(), Choice(**chosen)) if settled_too or not one.settled]
    if as_json:
        for one in found[-limit:]:
            click.echo(json.dumps(_as_json(one)))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("letter", "came", "step", "reason", "task", "message"):
        table.add_column(title, no_wrap=title in ("letter", "task"))
    for one in found[-limit:]:
        letter, message = one.letter, one.letter.message.partition("\n")[0][:MOST_SHOWN]
        became = f"[{one.settled}] " if one.settled else ""
        table.add_row(
            str(letter.origin), _time(one.at), letter.stage, letter.reason, one.task or "", became + message
        )
    plain().print(table if found else "no dead letters")
    _summarize(found)


@deadletters.command(
    epilog="\b\nExamples:\n  numberline deadletters show requests/0/17\n"
    "  numberline deadletters show requests/0/17 --raw > request\n"
)
@click.argument("letter", callback=lambda c, p, v: _origins(c, p, (v,)))
@click.option("--raw", is_flag=True, help="The record's value alone, byte by byte.")
def show(letter: frozenset[Origin], raw: bool) -> None:
    """Show one dead letter whole: why, where from, headers and value."""
    settings = load_settings()
    found = _named(_find(settings, Choice(letter)), letter)
    ((one, content),) = asyncio.run(_whole(settings, found))
    if raw:
        sys.stdout.buffer.write(content.value or b"")
        return
    about = {
        "letter": str(content.origin),
        "came": _time(one.at),
        "record of": _time(content.timestamp),
        "step": content.stage,
        "reason": content.reason,
        "task": one.task or "",
        "became": one.settled or "",
        "key": repr(content.key),
        **{f"header {name}": repr(value) for name, value in content.headers},
    }
    for name, text in about.items():
        click.echo(f"{name + ':':<12} {text}" if text else f"{name}:")
    click.echo(f"\n{content.exception}: {content.message}\n\n{content.stacktrace}\nvalue:\n{_readable(content)}")


@deadletters.command(
    epilog="""\b
Examples:
  numberline deadletters replay requests/0/17
  numberline deadletters replay --reason StepFailed --since 2h --dry-run
"""
)
@LETTERS
@_chosen
@click.option("--dry-run", is_flag=True, help="Only say what would be sent, and what not.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def replay(dry_run: bool, yes: bool, **chosen: Any) -> int:
    """Send the records of dead letters again, to where they came from, once their cause is mended.

    A request that needs a signature is signed with NUMBERLINE_AUTH_SECRET. A batch is never sent again: its
    task was told that it failed. Exit status 1 where a chosen letter is not sent.
    """
    settings = load_settings()
    found = _pick(settings, chosen)
    reasons = chosen["reasons"]
    kept = {one.letter.origin: why for one in found if (why := one.letter.why_kept(reasons))}
    for origin, why in kept.items():
        click.echo(f"{origin} stays: {why}", err=True)
    ready = [one for one in found if one.letter.origin not in kept]
    _summarize(ready)
    if not ready or dry_run:
        click.echo("nothing was sent again")
    else:
        _do(settings, "replay", ready, "sent again", yes, lambda each: dead_letters.replay(settings, ready, each))
    return 1 if kept else 0


@deadletters.command(
    epilog="""\b
Examples:
  numberline deadletters discard requests/0/17
  numberline deadletters discard --reason invalid_request --until 7d --yes
"""
)
@LETTERS
@_chosen
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard(yes: bool, **chosen: Any) -> None:
    """Put dead letters aside: they are not listed any more, and expire as all do."""
    settings = load_settings()
    found = _pick(settings, chosen)
    _summarize(found)
    if not found:
        click.echo("nothing was discarded")
        return
    _do(settings, "discard", found, "discarded", yes, lambda each: dead_letters.discard(settings, found, each))


def _pick(settings: Settings, chosen: dict[str, Any]) -> list[Found]:
    """The unsettled letters that are chosen, by something at least."""
    if not any(chosen.values()):
        raise click.UsageError("name letters, or choose them by --reason, --stage, --task, --since or --until")
    found = _named(_find(settings, Choice(**chosen)), chosen["origins"])
    for one in found:
        if one.settled:
            click.echo(f"{one.letter.origin} was {one.settled} already", err=True)
    return [one for one in found if not one.settled]


def _find(settings: Settings, choice: Choice) -> list[Found]:
    with errors.status("reading the dead letters"):
        return asyncio.run(dead_letters.find(settings, choice))


def _named(found: list[Found], origins: frozenset[Origin]) -> list[Found]:
    """All that were named, or a click error that says which are not there."""
    if missing := origins - {one.letter.origin for one in found}:
        raise click.UsageError(f"no such dead letter: {', '.join(sorted(map(str, missing)))}")
    return found


async def _whole(settings: Settings, found: Sequence[Found]) -> list[tuple[Found, Letter]]:
    return [one async for one in dead_letters.whole(settings, found)]


def _do(
    settings: Settings, verb: str, found: Sequence[Found], done: str, yes: bool, action: Callable[[Any], Any]
) -> None:
    """What is asked for, told of and kept in an audit record."""
    if not yes:
        click.confirm(f"{len(found):,} to be {done}: go on?", abort=True, err=True)
    names = [str(one.letter.origin) for one in found]
    subject = names[0] if len(names) == 1 else f"{len(names)} letters"
    with (
        audit.attempt(settings, f"{verb} dead letters", subject, letters=names[:MOST_AUDITED]) as attempt,
        Progress(console=errors, transient=True) as bar,
    ):
        shown = bar.add_task("dead letters", total=len(found))

        def each() -> None:
            bar.update(shown, advance=1)
            attempt.details["done"] = int(bar.tasks[shown].completed)

        asyncio.run(action(each))
    click.echo(f"{len(found):,} {done}")


def _summarize(found: Sequence[Found]) -> None:
    counts = Counter((one.letter.stage, one.letter.reason) for one in found)
    for (stage, reason), count in counts.most_common():
        click.echo(f"{count:,} of step {stage}: {reason}", err=True)


def _as_json(one: Found) -> dict[str, Any]:
    return {
        "letter": str(one.letter.origin),
        "came": _time(one.at),
        "recorded": _time(one.letter.timestamp),
        "stage": one.letter.stage,
        "reason": one.letter.reason,
        "exception": one.letter.exception,
        "message": one.letter.message,
        "task_id": one.task,
        "settled": one.settled,
    }


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _readable(letter: Letter) -> str:
    """The value as an event of ours, as text, or as Python writes bytes."""
    if letter.value is None:
        return "none: a tombstone"
    try:
        return str(codec.decode(letter.value))
    except codec.CodecError:
        pass
    try:
        return letter.value.decode()
    except UnicodeDecodeError:
        return repr(letter.value)
