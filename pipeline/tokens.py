"""Tokens: JSON Web Tokens (RFC 7519), HS256, whose ``sub`` is the user. The moment is an argument."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from pipeline.errors import NumberlineError

ALGORITHM = "HS256"
LEEWAY_SECONDS = 10
MAX_REQUEST_TOKEN_SECONDS = 24 * 3600


@dataclass
class NotAuthenticated(NumberlineError):
    """A token that proves nothing. The reason never holds the token."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def sign(
    secret: str, user_id: str, issued_at: float, lifetime_seconds: int = 3600, body: bytes | None = None
) -> str:
    """A token for a user; with `body`, one that authorizes exactly this request on Kafka."""
    claims: dict[str, Any] = {"sub": user_id, "iat": int(issued_at), "exp": int(issued_at) + lifetime_seconds}
    if body is not None:
        claims["body"] = hashlib.sha256(body).hexdigest()
    return jwt.encode(claims, secret, ALGORITHM)


def verify(secret: str, token: str, at: float) -> str:
    """The user whose token this is, at a moment in seconds since the epoch.  Raises NotAuthenticated."""
    return str(_claims(secret, token, at)["sub"])


def verify_request(secret: str, authorization: str, body: bytes, at: float) -> str:
    """The user who authorized this request on Kafka, judged at its log append time.

    authorization: ``Bearer TOKEN``. Raises NotAuthenticated.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("the authorization header must be: Bearer TOKEN")
    claims = _claims(secret, token.strip(), at)
    if claims["exp"] > claims["iat"] + MAX_REQUEST_TOKEN_SECONDS:
        raise NotAuthenticated("a token for a request must expire within 24 hours of its issue")
    if claims.get("body") != hashlib.sha256(body).hexdigest():
        raise NotAuthenticated("the token's claim body must be the SHA-256 of the request, in hexadecimal")
    return str(claims["sub"])


def _claims(secret: str, token: str, at: float) -> Mapping[str, Any]:
    if not token.isascii():
        raise NotAuthenticated("the token is not valid: it is not ASCII")
    try:
        # the times are judged below: at the moment asked for, not now
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            [ALGORITHM],
            options={
                "require": ["sub", "exp", "iat"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
            },
        )
    except jwt.InvalidTokenError as error:
        raise NotAuthenticated(f"the token is not valid: {error}") from None
    except RecursionError:  # its header is parsed before its signature is judged
        raise NotAuthenticated("the token is not valid: nested too deeply") from None
    times = [claims["exp"], claims["iat"], claims.get("nbf", 0)]
    if not all(type(time) is int or (type(time) is float and math.isfinite(time)) for time in times):
        raise NotAuthenticated("exp, iat and nbf must be numbers")
    if at > claims["exp"] + LEEWAY_SECONDS:
        raise NotAuthenticated("the token has expired")
    if at < max(claims["iat"], claims.get("nbf", 0)) - LEEWAY_SECONDS:
        raise NotAuthenticated("the token is not valid yet")
    return claims
