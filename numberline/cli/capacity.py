"""capacity: how many numbers there are, and how many of them are left."""

import asyncio
import json
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from gateway.supply import Supply
from numberline.cli.screen import misused
from numberline.cli.tokens import check_user
from numberline.errors import NotReachable
from numberline.kafka import kafka_producer
from pipeline.capacity import Capacity, Figures
from pipeline.settings import Settings, load_settings
from schemas.parse import field_errors
from schemas.requests import LINE_TYPES, NumberFilters

READ_SECONDS = 30.0


@click.command(
    epilog="""\b
Examples:
  numberline capacity
  numberline capacity --state CA --line-type wireless --carrier t-mobile
  numberline capacity --area-code 415 --fictional --user ada
  numberline capacity --json
"""
)
@click.option("--area-code", "-a", "area_codes", multiple=True, help="May be repeated; all area codes without it.")
@click.option("--state", "states", multiple=True, help="US state or Canadian province. May be repeated.")
@click.option("--country", "countries", multiple=True, help="ISO 3166, such as US. May be repeated.")
@click.option("--timezone", "timezones", multiple=True, help="IANA name. May be repeated.")
@click.option("--carrier", "carriers", multiple=True, help="Part of the company's name. May be repeated.")
@click.option("--line-type", "line_types", multiple=True, type=click.Choice(LINE_TYPES), help="May be repeated.")
@click.option("--fictional", is_flag=True, help="Only NPA-555-0100 to 0199, set aside for fiction.")
@click.option(
    "--user",
    callback=check_user,
    help="As this user has it, whose own list of suppressed numbers counts as well.",
)
@click.option("--json", "as_json", is_flag=True, help="As POST /api/capacity/ answers.")
def capacity(user: str | None, as_json: bool, **fields: Any) -> None:
    """Count the numbers that exist, are given out, are suppressed and are left, by area code.

    True as of at most one second ago.
    """
    filters = _filters(fields)
    found = asyncio.run(_read(load_settings()))
    if errors := found.catalogue.errors(filters):
        raise misused(errors)
    figures = dict(sorted(found.figures(filters.as_filters(), filters.wanted_area_codes(), user or "").items()))
    total = sum(figures.values(), Figures()).as_json() | {"left": sum(one.left for one in figures.values())}
    if as_json:
        rows = [{"area_code": code, **one.as_json()} for code, one in figures.items()]
        click.echo(json.dumps({"total": total, "area_codes": rows}))
        return
    table = Table("area code", box=None, pad_edge=False)
    for title in total:
        table.add_column(title, justify="right")
    for code, one in figures.items():
        table.add_row(code, *(f"{count:,}" for count in one.as_json().values()))
    table.add_row("all", *(f"{count:,}" for count in total.values()), style="bold")
    Console().print(table)


def _filters(fields: dict[str, Any]) -> NumberFilters:
    try:
        return NumberFilters.model_validate({name: value for name, value in fields.items() if value})
    except ValidationError as error:
        raise misused(field_errors(NumberFilters, error, fields)) from None


async def _read(settings: Settings) -> Capacity:
    """The capacity as the topics have it now.  Raises NotReachable."""
    async with kafka_producer(settings):  # tells at once where no broker answers
        pass
    supply = Supply(settings)
    reading = asyncio.create_task(supply.run())
    try:
        async with asyncio.timeout(READ_SECONDS):
            await supply.ready.wait()
    except TimeoutError:
        remedy = "Run `numberline init` with the same environment: it loads what is missing."
        raise NotReachable("the prefix data", f"not read within {READ_SECONDS:g} s", remedy) from None
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert supply.capacity is not None
    return supply.capacity
