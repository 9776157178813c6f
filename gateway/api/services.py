"""What the calls of the HTTP API use, put together by gateway.main and found through the application."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gateway.address import Network
from gateway.api.exports import Exports
from gateway.api.rates import Rates
from gateway.api.submissions import Submissions
from gateway.audit import Audit
from gateway.authenticator import Authenticator
from gateway.database import Database
from gateway.holders import HoldersReader
from gateway.hub import Hub
from gateway.producer import GatewayProducer
from gateway.supply import Supply
from gateway.suppressed import SuppressedReader
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings


@dataclass
class ApiServices:
    """One of each a gateway."""

    settings: Settings
    hub: Hub
    database: Database
    producer: GatewayProducer
    submissions: Submissions
    authenticator: Authenticator
    audit: Audit
    trusted: Sequence[Network]  # proxies
    rates: Rates
    exports: Exports
    metrics: GatewayMetrics
    supply: Supply
    holders: HoldersReader
    suppressed: SuppressedReader
    gateway_port: int = 0  # once it is open

    async def close(self) -> None:
        """Let go of Kafka and PostgreSQL."""
        await self.producer.close()
        await self.database.close()


def services_of(request: Request) -> ApiServices:
    """The services of the application that this request came to."""
    found: ApiServices = request.app.state.services
    return found


Using = Annotated[ApiServices, Depends(services_of)]
