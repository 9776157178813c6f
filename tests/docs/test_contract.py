"""docs/contract.md says what the code does: every field, message, code, metric and column, and no other."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agents.delivery import Delivery
from agents.records import Record
from docs.reference import examples
from gateway import messages, server
from gateway.api.app import build_app, build_services, description
from gateway.api.problems import CODES
from gateway.authenticator import Authenticator
from gateway.client_messages import MODELS
from gateway.hub import Hub
from gateway.positions import Position
from numberline.cli import cli
from pipeline.errors import StepFailed
from pipeline.metrics import GatewayMetrics, ProcessMetrics, WorkerMetrics
from pipeline.settings import Settings
from pipeline.tokens import TokenRules
from pipeline.verdicts import REASONS
from pipeline.views import result_view, task_view
from schemas.events import ValidationResult
from schemas.requests import CancelRequest, GenerateRequest, Request, ValidateRequest
from tests.docs.pages import ROOT, names, page, tables
from tests.gateway.events import ended, progressed, rejected, started

CONTRACT = page("docs/contract.md")
MIGRATIONS = sorted((ROOT / "numberline" / "setup" / "migrations" / "versions").glob("*.py"))

# where codes are given: name of what is called -> position of the code among its arguments
GIVES_CODE = {
    "BatchFailed": 3,
    "Problem": 1,
    "not_found": 1,
    "BatchImpossible": 0,
    "RequestInvalid": 1,
    "TaskError": 0,
    "_invalid": 1,
    "invalid": 1,
    "refused": 1,
    "_reject": 2,
    "error_message": 1,
}
UNDOCUMENTED_CLOSE_CODES = {1000, 1002, 1005, 1006, 1007, 1011}  # of the protocol itself


def first_cells(section: str, table: int = 0) -> list[str]:
    """The first name of each row."""
    return [names(row[0])[0] for row in list(tables(CONTRACT.section(section)))[table]]


def all_names(section: str, table: int, column: int) -> list[str]:
    """All names in a column."""
    return [name for row in list(tables(CONTRACT.section(section)))[table] for name in names(row[column])]


@pytest.mark.parametrize(
    ("section", "model"),
    [("`generate`", GenerateRequest), ("`validate`", ValidateRequest), ("`cancel`", CancelRequest)],
)
def test_requests(section: str, model: type[Request]) -> None:
    """Every field once, with its default."""
    ((*rows,),) = tables(CONTRACT.section(section))
    fields = {names(row[0])[0]: row[2].strip('`"') for row in rows}
    assert len(fields) == len(rows)
    assert set(fields) == set(model.model_fields)
    for name, shown in fields.items():
        field = model.model_fields[name]
        if field.is_required() or name == "type":
            assert shown == "required"
        elif field.default in (None, ()):
            assert shown in ("none", "any")
        else:
            assert shown == str(field.default).lower()


def test_commands() -> None:
    """Every command, and every option of generate."""
    shown = {cell.split()[1] for cell in first_cells("Commands") if cell.startswith("numberline ")}
    assert shown == set(cli.commands)
    options = {opt for option in cli.commands["generate"].params for opt in option.opts}
    named = {code.split()[0] for code in names(CONTRACT.section("Commands"))}
    assert {opt for opt in options if opt.startswith("--")} <= named


def test_a_task() -> None:
    """The fields that WebSocket and SQL have."""
    assert set(all_names("A task", 0, 0)) == set(task_view(started()))
    shown = [row[1] for row in next(tables(CONTRACT.section("A task"))) if "result_data" in row[0]]
    validated = replace(ended(5, "completed"), validation=ValidationResult(2, 1, 1, 0, {}, {}, 1))
    for fields, progress in zip(shown, (ended(5, "completed"), validated), strict=True):
        result = result_view(progress)
        assert result is not None
        assert set(names(fields)) == set(result)


def test_messages_from_the_server() -> None:
    """Each type with exactly its fields; the quick reference has one of each."""
    now, task, at = 0, "t", Position(0, 1, 2)
    sent = [
        *(messages.task_message(event, at) for event in (started(), progressed(2))),
        *(messages.task_message(ended(5, end), at) for end in ("completed", "failed", "cancelled")),
        messages.rejected_message(rejected(), at),
        messages.connection_established(now, "ada", "tasks", at, 0.0),
        messages.active_tasks(now, [], at),
        messages.resumed(now, at),
        messages.authenticated(now, "ada", 0.0),
        messages.token_expiring(now, 0.0),
        messages.subscribed(now, task),
        messages.unsubscribed(now, task),
        messages.pong(now),
    ]
    rows = list(tables(CONTRACT.section("WebSocket gateway")))[1]
    shown = {
        name: {field for field in names(row[1]) if field != "tasks" or name == "active_tasks"}
        for row in rows
        for name in names(row[0])
    }
    values = {"phone-generation"}  # not fields
    for message in sent:
        fields = set(json.loads(message.text)) - {"type", "timestamp"}
        assert shown[message.type] - values == fields, message.type
    assert set(shown) == {message.type for message in sent} == {message.type for message in examples()}


def test_messages_from_the_client() -> None:
    """Each type with exactly its fields."""
    rows = list(tables(CONTRACT.section("WebSocket gateway")))[2]
    shown = {names(row[0])[0]: set(names(row[1])) for row in rows}
    assert shown == {name: set(model.model_fields) - {"type"} for name, model in MODELS.items()}


def test_close_codes() -> None:
    """All that a client has to tell apart, and no code that is never sent."""
    shown = {int(row[0]) for row in list(tables(CONTRACT.section("WebSocket gateway")))[3]}
    assert shown == server.KNOWN_CLOSE_CODES - UNDOCUMENTED_CLOSE_CODES
    text = "".join(path.read_text() for path in (ROOT / "gateway").glob("*.py"))
    for code in shown - {1001, 1009}:  # these two are the library's
        assert re.search(rf"(Refused|end|close|fail)\((socket, )?{code},", text), code


def text_of(node: ast.expr | None) -> list[str]:
    """The text that a literal is, if it is one."""
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def codes_in_code() -> Iterator[str]:
    """Every error code that the packages give."""
    for package in ("schemas", "pipeline", "agents", "gateway"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
                    at = GIVES_CODE.get(str(name))
                    if at is not None and at < len(node.args):
                        yield from text_of(node.args[at])
                    for word in node.keywords:
                        if word.arg == "code":
                            yield from text_of(word.value)
                elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", None) == "code":
                    yield from text_of(node.value)  # a dataclass's default


def test_error_codes() -> None:
    """Every code that is given in the code, and no other."""
    rows = all_names("Error codes", 0, 0)
    assert len(rows) == len(set(rows))
    assert set(rows) == {*codes_in_code(), *CODES.values()}


def test_http_calls() -> None:
    """Every call of the description, and no other."""
    rows = next(tables(CONTRACT.section("HTTP API")))
    shown = {tuple(call.split()) for row in rows for call in names(row[0])}
    metrics = GatewayMetrics(CollectorRegistry())
    app = build_app(build_services(Settings(), Hub(), metrics, Authenticator(TokenRules(None))))
    described = {
        (method.upper(), path.replace("{task_id}", "ID"))
        for path, calls in description(app)["paths"].items()
        for method in calls
    }
    assert shown == described


@pytest.mark.parametrize(("table", "kind"), [*enumerate((ProcessMetrics, WorkerMetrics, GatewayMetrics))])
def test_metrics(table: int, kind: type[ProcessMetrics]) -> None:
    """Name, type and labels of every metric; those of both processes once."""
    expected = described(kind)
    if kind is not ProcessMetrics:
        expected = {name: said for name, said in expected.items() if name not in described(ProcessMetrics)}
    rows = list(tables(CONTRACT.section("Metrics")))[table]
    assert {names(row[0])[0]: (row[1], row[2]) for row in rows} == expected


def described(kind: type[ProcessMetrics]) -> dict[str, tuple[str, str]]:
    """Name of a metric, as Prometheus has it -> its type and labels."""
    found = {}
    for metric in vars(kind(CollectorRegistry())).values():
        (family,) = metric.describe()
        if family.type == "info":
            found[f"{family.name}_info"] = "gauge", "version, process"
        else:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = family.type, ", ".join(metric._labelnames)
    return found


def view_columns(view: str) -> list[str]:
    """The columns of a view as the newest migration that makes it has them."""
    makes = re.compile(rf"CREATE (?:OR REPLACE )?VIEW {view} AS\s+SELECT(.*?)\nFROM ", re.DOTALL)
    flat = [found[1] for path in MIGRATIONS if (found := makes.search(path.read_text()))][-1]
    while "(" in flat:
        flat = re.sub(r"\([^()]*\)", "", flat)  # no commas within
    return [re.split(r"\bAS\b|\.", column)[-1].strip() for column in flat.split(",")]


def test_views() -> None:
    """Every column of each view."""
    assert all_names("SQL views", 0, 0) == view_columns("phone_numbers")
    assert all_names("SQL views", 1, 0) == view_columns("validations")
    of_tasks = CONTRACT.section("SQL views").partition("`tasks`, one row a task")[2]
    assert re.findall(r"`([a-z_]+)`", of_tasks.partition("Their meaning")[0].replace("`completed` task", "")) == (
        view_columns("tasks")
    )


def test_headers_of_dead_letters() -> None:
    """Each is named."""
    nothing: Any = None
    delivery = Delivery(nothing, "n", 1, 1, WorkerMetrics(CollectorRegistry()))
    letter = delivery.dead_letter("store", Record("n.numbers", 0, 0, 0, b"", b"", ()), StepFailed("x"))
    text = CONTRACT.section("Dead letters")
    for name, _ in letter.headers:
        assert f"`{name}`" in text or f"`.{name.rpartition('.')[2]}`" in text


def test_reason_codes() -> None:
    """Every verdict there is."""
    ((*rows,),) = tables(page("docs/numbering.md").section("Reason codes"))
    assert {names(row[0])[0] for row in rows} == set(REASONS)


def test_codes_of_external_lookups() -> None:
    """Every one that is given in the code, and no other; of those that end in a number, how they begin."""
    (rows,) = tables(page("docs/validation.md").section("External lookups"))
    shown = {name for row in rows for name in names(row[0])}
    gives = re.compile(r'(?:Failed|Passing|Answer)\((?:error=)?f?"(\w+)["{]')
    paths = [ROOT / "agents" / "lookup.py", *(ROOT / "agents" / "lookups").glob("*.py")]
    assert shown == {code for path in paths for code in gives.findall(path.read_text())}
