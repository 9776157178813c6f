"""The producer of Faust."""

from faust.transport.drivers import aiokafka as driver


def producer_is_idempotent() -> None:
    """Retries of the producer must neither reorder nor duplicate: changelog order is state order."""
    driver.Producer._settings_extra = lambda self: {"acks": "all", "enable_idempotence": True}
