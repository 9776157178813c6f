"""All checks, in the order in which one stands on the other."""

from numberline.verify import parts
from numberline.verify.check import Check
from numberline.verify.trial import Trial
from pipeline.settings import variable

BROKER, TOPICS, POSTGRESQL, TABLES = "broker", "topics", "PostgreSQL", "tables"
LEDGER, PREFIX_DATA, WORKER, GATEWAY = "ledger", "prefix data", "worker", "gateway"
GENERATION, REFUSAL = "generation", "refusal"
RUNNING = (LEDGER, PREFIX_DATA, WORKER, GATEWAY)

SERVERS = "Is it up? {} names it."
STUCK = "Is the worker busy or stuck? Its log and `numberline tasks` say more."


def all_checks() -> tuple[Check, ...]:
    """What `numberline verify` looks at and tries."""
    kafka, postgres = (SERVERS.format(variable(name)) for name in ("kafka_bootstrap_servers", "database_url"))
    trial = Trial()
    return (
        Check(BROKER, parts.broker, kafka),
        Check(TOPICS, parts.topics, kafka, (BROKER,)),
        Check(POSTGRESQL, parts.postgresql, postgres),
        Check(TABLES, parts.tables, postgres, (POSTGRESQL,)),
        Check(LEDGER, parts.ledger, kafka, (TOPICS, TABLES)),
        Check(PREFIX_DATA, parts.prefix_data, postgres, (TABLES,)),
        Check(WORKER, parts.worker, kafka, (TOPICS,)),
        Check(GATEWAY, parts.gateway, SERVERS.format(variable("gateway_port"))),
        Check(GENERATION, trial.generation, STUCK, RUNNING),
        Check("validation", trial.validation, STUCK, (GENERATION,)),
        Check(REFUSAL, trial.refusal, STUCK, RUNNING),
        Check("cancel", trial.cancel, STUCK, RUNNING),
        Check("resumed socket", trial.resume, STUCK, (GENERATION, REFUSAL)),
    )
