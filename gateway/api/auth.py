"""Whose call it is: the bearer token, and the rate of its user."""

import time
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.api.problems import Problem
from gateway.api.rates import Rate
from gateway.api.services import Services, Using
from pipeline.tokens import NotAuthenticated

_BEARER = HTTPBearer(
    scheme_name="token",
    bearerFormat="JWT",
    description="the token of a user (`numberline token USER`)",
    auto_error=False,
)


async def authenticated_user(
    request: Request,
    services: Using,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> str:
    """The user of this call.  Raises Problem: 401 without a good token, 429 where they call too often."""
    try:
        if credentials is None or len(request.headers.getlist("authorization")) > 1:
            raise NotAuthenticated("the authorization header must be, once: Bearer TOKEN")
        identity = await services.authenticator.identify(credentials.credentials)
    except NotAuthenticated as error:
        services.metrics.authentication_failures.labels("not_authenticated").inc()
        address = request.client.host if request.client else "unknown"
        rate = _counted(services, f"address {address}")
        headers = {"WWW-Authenticate": 'Bearer realm="numberline"', **rate.headers()}
        raise Problem(401, "not_authenticated", error.reason, headers=headers) from None
    request.state.rate = _counted(services, f"user {identity.user_id}")
    return identity.user_id


def _counted(services: Services, name: str) -> Rate:
    rate = services.rates.take(name, time.monotonic())
    if rate.refused:
        detail = f"more than {rate.quota} calls a minute"
        raise Problem(429, "too_many_requests", detail, headers=rate.headers())
    return rate


User = Annotated[str, Depends(authenticated_user)]
