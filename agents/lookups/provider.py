"""What a lookup provider has to say of itself, and how one is found by its name."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Protocol

from pipeline.errors import SettingsInvalid
from pipeline.judge import Answer
from pipeline.settings import variable

GROUP = "numberline.lookup_providers"


@dataclass(frozen=True)
class Call:
    """A GET. credentials: user and password of HTTP Basic (RFC 7617)."""

    url: str
    parameters: Mapping[str, str]
    credentials: tuple[str, str] = field(repr=False)


class Provider(Protocol):
    """Pure: it makes calls and reads answers; pool, retries and limits are the client's (agents.lookups.client)."""

    def call(self, number: int) -> Call:
        """What to ask of a number, E.164 as an integer."""

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """What a JSON object that came with status 200 says.  May raise anything where it says nothing."""


class Factory(Protocol):
    """The entry point: credentials come from the environment alone."""

    def __call__(self, environment: Mapping[str, str]) -> Provider:
        """A provider.  Raises SettingsInvalid naming what is missing."""


def load_provider(name: str, environment: Mapping[str, str] = os.environ) -> Provider:
    """The provider of this name.  Raises SettingsInvalid where there is none, or it lacks its credentials."""
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise SettingsInvalid(
            {variable("lookup_provider"): f"must be a provider that is installed: {there}; got {name!r}"}
        )
    factory: Factory = known[name].load()
    return factory(environment)
