"""requests -> intake -> task-events: parse, authenticate, plan; a request that breaks a rule is refused."""

from typing import TYPE_CHECKING

from agents.catalogue import CatalogueReader
from agents.database import Database
from agents.delivery import Delivery, pure
from agents.held import held_batches
from agents.quotas import Quotas
from agents.records import Outgoing, Record, audit_message, task_event
from agents.suppressed import last_change
from pipeline import audit, log_context
from pipeline.errors import NotAuthenticated
from pipeline.intake import Named, read_request, refusal, request_type, submitted, with_quota
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings
from schemas import events
from schemas.parse import RequestInvalid
from schemas.requests import Request, ValidateRequest

if TYPE_CHECKING:
    from agents.callers import Callers


class Intake:
    """The step intake. callers: who sends a request, by its token; None where requests need none."""

    def __init__(
        self,
        delivery: Delivery,
        catalogues: CatalogueReader,
        database: Database,
        quotas: Quotas,
        settings: Settings,
        metrics: WorkerMetrics,
        callers: "Callers | None",
    ) -> None:
        self._delivery, self._catalogues, self._database, self._metrics = delivery, catalogues, database, metrics
        self._quotas, self._callers = quotas, callers
        self._window, self._fictional_only = settings.window, settings.fictional_only
        self._lookup_budget = settings.lookup_budget if settings.lookup_provider else None

    async def __call__(self, record: Record) -> None:
        """One request. A refusal goes to the dead letters as well, and to nobody else if unauthenticated."""
        await self._catalogues.caught_up()
        capacity = await self._delivery.within_deadline(
            self._catalogues.current(), "prefix data: run `numberline init`"
        )
        try:
            with pure():
                caller = None if self._callers is None else self._callers.of(record)
        except NotAuthenticated as error:
            self._metrics.requests.labels("unknown", "unauthenticated").inc()
            letter = self._delivery.dead_letter("intake", record, error)
            return await self._delivery.send(letter, _kept(record, error))
        try:
            with pure(RequestInvalid):
                read = as_read(record)
                request = read_request(read, capacity.catalogue, caller)
            named, quota = await self._named(request), await self._quotas.of(request.user_id)
            with pure(RequestInvalid):
                event = submitted(read, request, capacity, self._window, self._fictional_only, named)
                log_context.know_task(event.task_id)
            if not isinstance(event, events.CancelRequested):
                event = with_quota(read, event, quota)
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
        place = await last_change(self._database)
        held = None
        if request.task_id or request.project_id:
            held = await held_batches(self._database, request.user_id, request.task_id, request.project_id)
        return Named(held, place, self._lookup_budget)

    def _told(self, record: Record, invalid: RequestInvalid, caller: str | None) -> list[Outgoing]:
        with pure():
            refused = refusal(as_read(record), invalid)
            log_context.know_task(refused.task_id if refused else None)
        if refused and caller in (None, refused.user_id):
            return [task_event(refused)]
        return [_kept(record, invalid)]


def _kept(record: Record, error: Exception) -> Outgoing:
    """The audit record of a request that no user hears of."""
    with pure():
        return audit_message(audit.of_unread(error, record.place, record.timestamp))


def as_read(record: Record) -> events.RequestRecord:
    """The record as events carry it: without its authorization."""
    headers = tuple(events.RequestHeader(*one) for one in record.headers if one[0].lower() != "authorization")
    return events.RequestRecord(*record.place, record.timestamp, record.key, record.value, headers)
