"""requests -> intake -> task-events: parse, authenticate, plan; a request that breaks a rule is refused."""

import hashlib
from dataclasses import dataclass, replace

from agents.catalogue import CatalogueReader
from agents.database import Database
from agents.delivery import Delivery, Outgoing, Record, audit_message, pure, task_event
from agents.held import held_batches
from agents.quotas import Quotas
from agents.suppressed import last_change
from pipeline import audit
from pipeline.capacity import Capacity
from pipeline.catalogue import Catalogue
from pipeline.metrics import WorkerMetrics
from pipeline.plan import plan_request
from pipeline.settings import Settings
from pipeline.tokens import NotAuthenticated, TokenRules, verify_request
from pipeline.validation import Held, Terms, plan_validation
from schemas import events
from schemas.identity import record_task_id, task_id
from schemas.parse import RequestInvalid, parse_request
from schemas.requests import CancelRequest, Request, ValidateRequest


@dataclass(frozen=True)
class Named:
    """What a validation's plan needs beside the request. held: the stored batches that it names.

    suppressions: place of the last change of what is suppressed. lookups: what a task may have looked up, None
    without a provider.
    """

    held: Held | None = None
    suppressions: int = 0
    lookups: int | None = None


class Intake:
    """The step intake."""

    def __init__(
        self,
        delivery: Delivery,
        catalogues: CatalogueReader,
        database: Database,
        quotas: Quotas,
        settings: Settings,
        metrics: WorkerMetrics,
    ) -> None:
        self._delivery, self._catalogues, self._database, self._metrics = delivery, catalogues, database, metrics
        self._quotas = quotas
        self._window, self._fictional_only = settings.window, settings.fictional_only
        self._lookup_budget = settings.lookup_budget if settings.lookup_provider else None
        self._rules = TokenRules.of(settings) if settings.auth_requests == "required" else None

    async def __call__(self, record: Record) -> None:
        """One request. A refusal goes to the dead letters as well, and to nobody else if unauthenticated."""
        capacity = await self._delivery.within_deadline(
            self._catalogues.current(), "prefix data: run `numberline init`"
        )
        try:
            with pure():
                caller = self._authenticated(record)
        except NotAuthenticated as error:
            self._metrics.requests.labels("unknown", "unauthenticated").inc()
            letter = self._delivery.dead_letter("intake", record, error)
            return await self._delivery.send(letter, _kept(record, error))
        try:
            with pure(RequestInvalid):
                request = read_request(record, capacity.catalogue, caller)
            named, quota = await self._named(request), await self._quotas.of(request.user_id)
            with pure(RequestInvalid):
                event = submitted(record, request, capacity, self._window, self._fictional_only, named)
            if not isinstance(event, events.CancelRequested):
                event = with_quota(record, event, quota)
        except RequestInvalid as invalid:
            self._metrics.requests.labels(invalid.type, "refused").inc()
            return await self._delivery.send(
                self._delivery.dead_letter("intake", record, invalid), *self._told(record, invalid, caller)
            )
        self._metrics.requests.labels(request_type(event), "accepted").inc()
        return await self._delivery.send(task_event(event))

    async def _named(self, request: Request) -> Named:
        """What PostgreSQL has of a validation, to be pinned in its plan: more batches and changes may follow."""
        if not isinstance(request, ValidateRequest):
            return Named()
        place = await self._delivery.within_deadline(last_change(self._database), "answer of PostgreSQL")
        held = None
        if request.task_id or request.project_id:
            found = held_batches(self._database, request.user_id, request.task_id, request.project_id)
            held = await self._delivery.within_deadline(found, "answer of PostgreSQL")
        return Named(held, place, self._lookup_budget)

    def _authenticated(self, record: Record) -> str | None:
        """Whose token the record carries; None where none is asked for.  Raises NotAuthenticated."""
        if self._rules is None:
            return None
        authorization = record.header("authorization")
        if authorization is None:
            raise NotAuthenticated("a request needs the header authorization: Bearer TOKEN")
        return verify_request(
            self._rules,
            authorization.decode(errors="replace"),
            record.value or b"",
            record.timestamp / 1000,
        )

    def _told(self, record: Record, invalid: RequestInvalid, caller: str | None) -> list[Outgoing]:
        with pure():
            refused = refusal(record, invalid)
        if refused and caller in (None, refused.user_id):
            return [task_event(refused)]
        return [_kept(record, invalid)]


def _kept(record: Record, error: Exception) -> Outgoing:
    """The audit record of a request that no user hears of."""
    with pure():
        return audit_message(audit.of_unread(error, record.place, record.timestamp))


def request_type(event: events.TaskEvent) -> str:
    """The type of the request that made this event."""
    if isinstance(event, events.ValidationSubmitted):
        return "validate"
    return "cancel" if isinstance(event, events.CancelRequested) else "generate"


def read_request(record: Record, catalogue: Catalogue, caller: str | None) -> Request:
    """A record's request.  Raises RequestInvalid with all the rules that it breaks."""
    try:
        request = parse_request(record.value)
    except RequestInvalid as invalid:
        if invalid.filters is None:
            raise
        raise replace(invalid, errors=(*invalid.errors, *catalogue.errors(invalid.filters))) from None
    if caller not in (None, request.user_id):
        raise _of_another_user(request)
    return request


def submitted(
    record: Record,
    request: Request,
    capacity: Capacity,
    window: int,
    fictional_only: bool,
    named: Named,
) -> events.Submission | events.CancelRequested:
    """A request as an event of its task.  Raises RequestInvalid."""
    if isinstance(request, CancelRequest):
        return events.CancelRequested(request.task_id, request.user_id, request.request_id)
    task = task_id(request.user_id, request.request_id)
    if isinstance(request, ValidateRequest):
        terms = Terms(capacity.catalogue.version, window, named.lookups, named.suppressions)
        return events.ValidationSubmitted(
            task_id=task,
            user_id=request.user_id,
            request_id=request.request_id,
            project_id=request.project_id,
            task_name=request.task_name,
            body_hash=request.body_hash(),
            requested_at=record.timestamp,
            plan=plan_validation(request, terms, named.held),
        )
    return events.TaskSubmitted(
        task_id=task,
        user_id=request.user_id,
        request_id=request.request_id,
        project_id=request.project_id,
        task_name=request.task_name,
        body_hash=request.body_hash(),
        requested_at=record.timestamp,
        plan=plan_request(request, capacity, task, window, fictional_only),
    )


def with_quota(record: Record, event: events.Submission, quota: events.Quota | None) -> events.Submission:
    """A submission with its user's quota, and with its record where coordinate may refuse it."""
    target = event.plan.held_task if isinstance(event, events.ValidationSubmitted) else None
    if quota is None and target is None:
        return event
    headers = tuple(events.RequestHeader(*one) for one in record.headers if one[0].lower() != "authorization")
    kept = events.RequestRecord(*record.place, record.timestamp, record.key, record.value, headers)
    return replace(event, quota=quota, record=kept)


def _of_another_user(request: Request) -> RequestInvalid:
    error = events.FieldError("user_id", "must be the user of the authorization header")
    return RequestInvalid((error,), "not_authorized", request.type, request.user_id, request.request_id)


def refusal(record: Record, invalid: RequestInvalid) -> events.TaskRefused | None:
    """What tells a user that a request was refused; None where no user can be read."""
    if invalid.user_id is None:
        return None
    task = (
        task_id(invalid.user_id, invalid.request_id)
        if invalid.request_id
        else record_task_id(record.topic, record.partition, record.offset)
    )
    return events.TaskRefused(
        task_id=task,
        user_id=invalid.user_id,
        request_id=invalid.request_id,
        project_id=invalid.project_id,
        task_name=invalid.task_name,
        type=invalid.type,
        body_hash=invalid.body_hash or hashlib.sha256(record.value or b"").digest(),
        requested_at=record.timestamp,
        code=invalid.code,
        message=str(invalid),
        errors=invalid.errors,
        details=invalid.details,
    )
