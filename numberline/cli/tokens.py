"""token: what a user needs at the gateway."""

import time

import click

from numberline.client import signing_rules
from pipeline.settings import load_settings
from pipeline.tokens import sign
from schemas.identity import IDENTIFIER, IDENTIFIER_RULE


def check_user(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A user id as requests take it, where one is given."""
    if value is not None and not IDENTIFIER.fullmatch(value):
        raise click.BadParameter(IDENTIFIER_RULE)
    return value


@click.command(
    epilog="""\b
Examples:
  numberline token demo --hours 24
  numberline token alice --operator
"""
)
@click.argument("user", callback=check_user)
@click.option(
    "--hours", default=1, show_default=True, type=click.IntRange(1, 24 * 365), help="How long it is good."
)
@click.option("--operator", is_flag=True, help="May read the tasks and numbers of every user.")
def token(user: str, hours: int, operator: bool) -> None:
    """Print a token by which USER can watch their tasks.

    It is signed with NUMBERLINE_AUTH_SECRET: whoever has that secret can be every user.
    """
    settings = load_settings()
    scopes = [settings.auth_operator_scope] if operator else []
    click.echo(sign(signing_rules(settings), user, time.time(), hours * 3600, scopes=scopes))
