"""The command line: `numberline COMMAND`; one file a group of commands."""

import importlib
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import cast

import click

from pipeline.errors import NeedsPerson, NumberlineError, SettingsInvalid

FAILED, MISUSED = 1, 2

# module of this package -> its commands
MODULES = {
    "processes": ("up", "init", "worker", "gateway"),
    "settings": ("settings",),
    "tasks": ("generate", "tasks", "cancel"),
    "validate": ("validate",),
    "export": ("export",),
    "redrive": ("redrive",),
    "dead_letters": ("deadletters",),
    "ledger": ("ledger",),
    "compact": ("compact",),
    "capacity": ("capacity",),
    "prefixes": ("prefixes",),
    "suppress": ("suppress",),
    "quota": ("quota",),
    "audit": ("audit",),
    "tokens": ("token",),
    "verify": ("verify",),
}


class Commands(Mapping[str, click.Command]):
    """Imported when they are asked for: a worker that is started again must not wait for all that others need."""

    def __init__(self) -> None:
        self._modules = {command: module for module, commands in MODULES.items() for command in commands}

    def __getitem__(self, name: str) -> click.Command:
        module = importlib.import_module(f"numberline.cli.{self._modules[name]}")
        return next(one for one in vars(module).values() if isinstance(one, click.Command) and one.name == name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


@click.group(
    commands=cast(MutableMapping[str, click.Command], Commands()),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="numberline")
def cli() -> None:
    """Give out North American phone numbers for tests, each one only once.

    \b
    On one machine:
      numberline up                  a Kafka broker, PostgreSQL, a worker and the gateway
      source .numberline/env         in another terminal: join them
      numberline generate --area-code 415 --quantity 1000 --out numbers.csv

    Settings come from NUMBERLINE_... variables alone; `numberline settings` lists them.
    """


def main() -> None:
    """Run a command. Exit 0: done; 1: it failed; 2: misused, or a person must look; 130: interrupted."""
    try:
        status = cli.main(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (SettingsInvalid, NeedsPerson) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(MISUSED)
    except NumberlineError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(FAILED)
