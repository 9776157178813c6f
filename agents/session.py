"""How long a worker's session is: as set, or as long as the broker demands."""

import logging

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from pipeline.kafka_security import security_options
from pipeline.settings import Settings, variable

log = logging.getLogger(__name__)

SHORTEST = "group.min.session.timeout.ms"  # of the broker: 6 s where it is not set (Kafka, broker configurations)


async def with_session_of_the_broker(settings: Settings) -> Settings:
    """The settings, with the broker's shortest session where theirs is shorter: it would refuse the worker.

    A broker that does not tell is taken to allow what is set.
    """
    shortest = await _shortest_seconds(settings)
    if shortest <= settings.session_timeout_seconds:
        return settings
    log.warning(
        "%s is %g, but the broker takes no session under %g s (%s): that is used, and what a killed worker had "
        "waits as long",
        variable("session_timeout_seconds"),
        settings.session_timeout_seconds,
        shortest,
        SHORTEST,
    )
    return settings.model_copy(update={"session_timeout_seconds": shortest})


async def _shortest_seconds(settings: Settings) -> float:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap_servers, request_timeout_ms=10_000, **security_options(settings)
    )
    try:
        await admin.start()
        broker = (await admin.describe_cluster())["brokers"][0]["node_id"]
        asked = ConfigResource(ConfigResourceType.BROKER, str(broker), {SHORTEST: None})
        (answer,) = await admin.describe_configs([asked])
    except KafkaError as error:
        log.warning("the broker does not say its %s: %s", SHORTEST, error)
        return 0.0
    finally:
        await admin.close()
    found = [entry for resource in answer.resources for entry in resource[4] if entry[0] == SHORTEST]
    return int(found[0][1]) / 1000 if found else 0.0
