"""The command line: `numberline COMMAND`; one file a group of commands."""

import sys

import click

from numberline.cli.audit import audit
from numberline.cli.capacity import capacity
from numberline.cli.compact import compact
from numberline.cli.dead_letters import deadletters
from numberline.cli.export import export
from numberline.cli.ledger import ledger
from numberline.cli.prefixes import prefixes
from numberline.cli.processes import gateway, init, settings_table, up, worker
from numberline.cli.quota import quota
from numberline.cli.redrive import redrive
from numberline.cli.suppress import suppress
from numberline.cli.tasks import cancel, generate, tasks
from numberline.cli.tokens import token
from numberline.cli.validate import validate
from numberline.cli.verify import verify
from pipeline.errors import NeedsPerson, NumberlineError, SettingsInvalid

FAILED, MISUSED = 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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


COMMANDS = (
    *(up, init, worker, gateway, settings_table),
    *(generate, validate, export, tasks, cancel),
    *(redrive, deadletters, ledger, compact),
    *(capacity, prefixes, suppress, quota, audit),
    *(token, verify),
)

for command in COMMANDS:
    cli.add_command(command)


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
