"""verify: does the running system work, part by part."""

import asyncio
import json

import click
from rich.console import Console

from numberline.verify.check import Outcome, Status, outcomes
from numberline.verify.checks import all_checks
from pipeline.settings import load_settings

COLORS: dict[Status, str] = {"works": "green", "fails": "red", "skipped": "yellow"}


@click.command(epilog="\b\nExamples:\n  numberline verify\n  numberline verify --json\n")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def verify(as_json: bool) -> int:
    """Look at every part of the running system, then try what users do, once each.

    It says of each what it found, and of what fails how to mend it. It gives out 10 real numbers to the user
    numberline-verify. Exit status 1 where a part does not work.
    """
    with Console(stderr=True).status("looking at each part, then trying what users do"):
        found = asyncio.run(outcomes(all_checks(), load_settings(), (lambda _: None) if as_json else _tell))
    works = all(one.status == "works" for one in found)
    if as_json:
        click.echo(json.dumps({"works": works, "checks": [one.as_json() for one in found]}))
    return 0 if works else 1


def _tell(one: Outcome) -> None:
    click.echo(f"{click.style(f'{one.status:<7}', fg=COLORS[one.status])} {one.check:<14} {one.found}")
    for line in one.remedy.splitlines():
        click.echo(f"{'':<23}{line}")
