"""The description against the running gateway: schemathesis asks what it allows, what it forbids, and sequences."""

import copy
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from prometheus_client import CollectorRegistry
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from gateway.api.app import build_app, build_services, description
from gateway.authenticator import Authenticator
from gateway.hub import Hub
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings
from pipeline.tokens import TokenRules
from schemas.requests import MAX_QUANTITY
from tests.fix_installation import Installation
from tests.gateway.api.conftest import client_of

pytestmark = [pytest.mark.usefixtures("worker"), pytest.mark.timeout(600)]

EXAMPLES = 12
MOST = 20  # numbers of a call
QUIETLY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# rules that no schema can say: an area code that is in use, two fields of which one may be given, a known cursor
NOT_IN_A_SCHEMA: list[Any] = [positive_data_acceptance]


def excluded(method: str, path: str) -> list[Any]:
    """Of a call with free text in its query, also what the wire cannot show: there a number is text as well."""
    parameters = DESCRIPTION["paths"][path][method].get("parameters", [])
    hidden = any(one["in"] == "query" and one["name"] == "carrier" for one in parameters)
    return [*NOT_IN_A_SCHEMA, negative_data_rejection] if hidden else NOT_IN_A_SCHEMA


def described() -> dict[str, Any]:
    """The description that the code makes."""
    metrics = GatewayMetrics(CollectorRegistry())
    return description(build_app(build_services(Settings(), Hub(), metrics, Authenticator(TokenRules(None)))))


DESCRIPTION = described()
OPERATIONS = [(method, path) for path, calls in DESCRIPTION["paths"].items() for method in calls]


def schema_of(installation: Installation) -> BaseSchema:
    """The description as schemathesis reads it; with quantities that a test can ask for again and again."""
    schema = schemathesis.openapi.from_dict(copy.deepcopy(DESCRIPTION))
    schema.config.update(base_url=f"http://127.0.0.1:{installation.settings.http_port}")
    schema.hook(map_body)
    return schema


def map_body(_: Any, body: Any) -> Any:
    """A call's body with a smaller quantity, where it had one that is allowed: what is forbidden stays as it is."""
    if isinstance(body, dict) and type(given := body.get("quantity")) is int and 1 <= given <= MAX_QUANTITY:
        return body | {"quantity": 1 + given % MOST}
    return body


def token_header(installation: Installation) -> dict[str, str]:
    """Of a user of these tests."""
    with client_of(installation, "schemathesis") as client:
        return {"Authorization": client.headers["authorization"]}


def test_the_running_gateway_tells_what_the_code_describes(installation: Installation) -> None:
    """The same description."""
    url = f"http://127.0.0.1:{installation.settings.http_port}/api/openapi.json"
    assert httpx.get(url, trust_env=False).json() == DESCRIPTION


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
def test_answers_are_those_of_the_description(
    installation: Installation, method: str, path: str, mode: GenerationMode
) -> None:
    """Status, media type, headers and body are described, a forbidden call is refused, and nothing is a defect."""
    headers = token_header(installation)
    operation = schema_of(installation)[path][method]
    try:
        strategy = operation.as_strategy(generation_mode=mode)
    except Exception:
        pytest.fail(f"no call can be made of {method} {path}")

    @QUIETLY
    @given(case=strategy)
    def check(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, timeout=30, excluded_checks=excluded(method, path))

    check()


def test_sequences_of_calls_hold(installation: Installation) -> None:
    """What a 202 links to is there: its task, its progress, its numbers, its cancelling; in any order."""
    headers = token_header(installation)
    machine = schema_of(installation).as_state_machine()

    class Sequences(machine):  # type: ignore[valid-type, misc]
        """Calls of one user."""

        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            """With a token."""
            return {"headers": headers, "timeout": 30}

        def validate_response(self, response: Any, case: schemathesis.Case[Any], **_: Any) -> None:
            """As above."""
            case.validate_response(response, excluded_checks=[*NOT_IN_A_SCHEMA, unsupported_method])

    Sequences.run(settings=settings(QUIETLY, max_examples=15, stateful_step_count=6))
