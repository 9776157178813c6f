"""The client's two halves against each other, and its types against what the gateway answers."""

import inspect
from dataclasses import fields
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.api import models
from numberline.api import AsyncClient, Client, Number, Submitted, Task


def calls(client: type[Any]) -> dict[str, tuple[dict[str, inspect.Parameter], str | None]]:
    """Public method -> its parameters and its docstring."""
    return {
        name: (dict(inspect.signature(method).parameters), inspect.getdoc(method))
        for name, method in vars(client).items()
        if not name.startswith("_")
    }


def test_both_clients_have_the_same_calls() -> None:
    """With the same parameters, defaults and words."""
    assert calls(AsyncClient) == calls(Client)
    assert {"generate", "watch", "export"} <= set(calls(Client))


@pytest.mark.parametrize(
    ("ours", "theirs"), [(Submitted, models.Submitted), (Task, models.Task), (Number, models.Number)]
)
def test_the_types_have_the_fields_that_the_gateway_describes(ours: type[Any], theirs: type[BaseModel]) -> None:
    """In the order of the answer; the client is written again, for it takes what a newer gateway adds."""
    assert [field.name for field in fields(ours)] == list(theirs.model_fields)
