"""Whose call it is: the bearer token, and the rate of its user; and whose data it may read."""

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from gateway.address import client_address
from gateway.api.problems import Problem
from gateway.api.rates import Rate
from gateway.api.services import ApiServices, Using
from pipeline.errors import NotAuthenticated
from pipeline.tokens import Identity
from schemas.requests import Identifier

_BEARER = HTTPBearer(
    scheme_name="token",
    bearerFormat="JWT",
    description="the token of a user (`numberline token USER`)",
    auto_error=False,
)


async def authenticated(
    request: Request,
    services: Using,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Identity:
    """Who calls.  Raises Problem: 401 without a good token, 429 where they call too often."""
    try:
        if credentials is None or len(request.headers.getlist("authorization")) > 1:
            raise NotAuthenticated("the authorization header must be, once: Bearer TOKEN")
        identity = await services.authenticator.identify(credentials.credentials)
    except NotAuthenticated as error:
        services.metrics.authentication_failures.labels("not_authenticated").inc()
        rate = _counted(services, f"address {_address(request, services)}")
        headers = {"WWW-Authenticate": 'Bearer realm="numberline"', **rate.headers()}
        raise Problem(401, "not_authenticated", error.reason, headers=headers) from None
    request.state.rate = _counted(services, f"user {identity.user_id}")
    return identity


def _address(request: Request, services: ApiServices) -> str:
    peer = request.client.host if request.client else None
    return client_address(peer, request.headers.getlist("x-forwarded-for"), services.trusted)


def _counted(services: ApiServices, name: str) -> Rate:
    rate = services.rates.take(name, time.monotonic())
    if rate.refused:
        detail = f"more than {rate.quota} calls a minute"
        raise Problem(429, "too_many_requests", detail, headers=rate.headers())
    return rate


Caller = Annotated[Identity, Depends(authenticated)]


async def own_user(caller: Caller) -> str:
    """The user of a call that concerns its user alone."""
    return caller.user_id


User = Annotated[str, Depends(own_user)]


class Whose(BaseModel):
    """Whose tasks and numbers a call reads."""

    model_config = ConfigDict(extra="forbid")

    user_id: Identifier | None = Field(None, description="another user, for a token with the operator's scope")


@dataclass(frozen=True)
class Reader:
    """Who reads, and by which call."""

    caller: Identity
    path: str
    services: ApiServices

    async def of(self, whose: Whose) -> str:
        """The user whose data is read; another's only by an operator, and on record.

        Raises Problem 403 for anybody else, Unavailable where the record is not acknowledged.
        """
        user_id = whose.user_id or self.caller.user_id
        if not self.caller.may_read(user_id):
            self.services.metrics.authentication_failures.labels("wrong_user").inc()
            raise Problem(403, "not_authorized", "the token is another user's, and no operator's")
        if user_id != self.caller.user_id:
            await self.services.audit.reads(self.caller.user_id, user_id, self.path)
        return user_id


async def reader(request: Request, services: Using, caller: Caller) -> Reader:
    """The reader of a GET."""
    return Reader(caller, request.url.path, services)


Reading = Annotated[Reader, Depends(reader)]
