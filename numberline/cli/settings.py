"""settings: the table of all variables."""

import click
from rich.table import Table

from numberline.cli.screen import screen
from pipeline.settings import Settings, variable


@click.command("settings")
def settings_table() -> None:
    """List every setting: its variable, what it accepts, and its value without one."""
    table = Table("variable", "what it is and accepts", "without it", box=None, pad_edge=False)
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None or "secret" in name or "url" in name else str(field.default)
        table.add_row(variable(name), field.description, default)
    screen(140).print(table)
