"""Settings of topics that are there already: what is not as it is to be, and how that is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

SET = 0  # an operation of IncrementalAlterConfigs

Settings = Mapping[str, Mapping[str, str]]  # full name of a topic -> name -> value


@dataclass(frozen=True)
class Difference:
    """A setting of a topic that is not as it is to be. found: None where the broker does not know it."""

    topic: str
    name: str
    found: str | None
    wanted: str


async def differences(admin: AIOKafkaAdminClient, wanted: Settings) -> list[Difference]:
    """By topic and name. wanted: of topics that are there."""
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted])
    differing = []
    for _, _, _, topic, entries in (resource for answer in answers for resource in answer.resources):
        found = {entry[0]: entry[1] for entry in entries}
        differing += [
            Difference(topic, name, found.get(name), value)
            for name, value in wanted[topic].items()
            if found.get(name) != value
        ]
    return sorted(differing, key=lambda one: (one.topic, one.name))


async def change(admin: AIOKafkaAdminClient, changes: list[Difference]) -> None:
    """Set these and leave all others of the topics as they are.  Raises KafkaError."""
    by_topic: dict[str, list[tuple[str, int, str]]] = {}
    for one in changes:
        by_topic.setdefault(one.topic, []).append((one.name, SET, one.wanted))
    answer = await admin._send_request(_AlterRequest(by_topic))
    for code, message, _, topic in answer.responses:
        if code:
            raise for_code(code)(f"{topic}: {message}")


# aiokafka has AlterConfigs alone, which unsets whatever it is not told of


class _Altered(Response):
    """IncrementalAlterConfigs, KIP-339."""

    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _Alter(RequestStruct):
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _Altered
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("config_operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class _AlterRequest(Request[_Alter]):
    API_KEY = 44

    def __init__(self, by_topic: dict[str, list[tuple[str, int, str]]]) -> None:
        self._by_topic = by_topic

    def build(self, request_struct_class: Any) -> Any:
        resources = [(ConfigResourceType.TOPIC, topic, changes) for topic, changes in self._by_topic.items()]
        return request_struct_class(resources, False)
