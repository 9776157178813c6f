"""Tokens: JSON Web Tokens (RFC 7519) whose ``sub`` is the user. The moment and the keys are arguments.

Signed by the installation's shared secret (HS256) or by an identity provider's private key (RS, PS, ES, EdDSA).
Which key may verify a token follows from the kind of its algorithm, never from the token alone (RFC 8725, 3.1).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from pipeline.errors import NotAuthenticated, UnknownKey
from pipeline.keys import ASYMMETRIC, KeySet
from pipeline.settings import Settings
from schemas.identity import IDENTIFIER
from schemas.printing import printable

SHARED = "HS256"
LEEWAY_SECONDS = 10
MAX_REQUEST_TOKEN_SECONDS = 24 * 3600
MOST_TOKEN_CHARACTERS = 8_192
_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that RFC 3339 can write
_TIME_LIMIT = 2**53  # a JSON number beyond it is no time, and no float


@dataclass(frozen=True)
class TokenRules:
    """What an installation asks of tokens. secret: of HS256, which no token may use where there is none.

    audience, issuer: what `aud` must hold and `iss` must be; without an audience, a token for one is refused.
    """

    secret: str | None = field(repr=False)
    audience: str | None = None
    issuer: str | None = None
    operator_scope: str = "numberline:operator"

    @classmethod
    def of(cls, settings: Settings) -> "TokenRules":
        """The rules that the settings give."""
        secret = None if settings.auth_secret is None else settings.auth_secret.get_secret_value()
        return cls(secret, settings.auth_audience, settings.auth_issuer, settings.auth_operator_scope)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token proves to be, and until when (seconds since the epoch, leeway included)."""

    user_id: str
    expires_at: float
    operator: bool = False

    def may_read(self, user_id: str) -> bool:
        """Whether this user's tasks and numbers may be shown: one's own, or anybody's to an operator."""
        return self.operator or user_id == self.user_id


def sign(
    rules: TokenRules,
    user_id: str,
    issued_at: float,
    lifetime_seconds: int = 3600,
    body: bytes | None = None,
    scopes: Iterable[str] = (),
) -> str:
    """A token for a user, by the shared secret; with `body`, one that authorizes exactly this request on Kafka."""
    assert rules.secret is not None
    claims: dict[str, Any] = {"sub": user_id, "iat": int(issued_at), "exp": int(issued_at) + lifetime_seconds}
    optional = {
        "aud": rules.audience,
        "iss": rules.issuer,
        "scope": " ".join(scopes) or None,
        "body": None if body is None else hashlib.sha256(body).hexdigest(),
    }
    claims |= {name: value for name, value in optional.items() if value is not None}
    return jwt.encode(claims, rules.secret, SHARED)


def verify(rules: TokenRules, token: str, at: float, keys: KeySet | None = None) -> Identity:
    """Whose token this is, at a moment in seconds since the epoch.  Raises NotAuthenticated, UnknownKey.

    keys: of the identity provider, where there is one. A token for one request on Kafka opens nothing: whoever
    reads the topic has seen it.
    """
    claims = _claims(rules, token, at, keys)
    if "body" in claims:
        raise NotAuthenticated("the token authorizes one request on Kafka and nothing else")
    scope = claims.get("scope")
    scopes = scope.split() if isinstance(scope, str) else []
    expires_at = float(min(claims["exp"] + LEEWAY_SECONDS, _LAST_SECOND))
    return Identity(str(claims["sub"]), expires_at, rules.operator_scope in scopes)


def verify_request(rules: TokenRules, authorization: str, body: bytes, at: float) -> str:
    """The user who authorized this request on Kafka, judged at its log append time.

    authorization: ``Bearer TOKEN``, by the shared secret. Raises NotAuthenticated.
    """
    claims = _claims(rules, bearer_token(authorization), at, None)
    if claims["exp"] > claims["iat"] + MAX_REQUEST_TOKEN_SECONDS:
        raise NotAuthenticated("a token for a request must expire within 24 hours of its issue")
    if claims.get("body") != hashlib.sha256(body).hexdigest():
        raise NotAuthenticated("the token's claim body must be the SHA-256 of the request, in hexadecimal")
    return str(claims["sub"])


def bearer_token(authorization: str) -> str:
    """The token of an authorization header (RFC 6750, section 2.1).  Raises NotAuthenticated."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("the authorization header must be: Bearer TOKEN")
    return token.strip()


def _claims(rules: TokenRules, token: str, at: float, keys: KeySet | None) -> Mapping[str, Any]:
    if not token.isascii():
        raise NotAuthenticated("the token is not valid: it is not ASCII")
    if len(token) > MOST_TOKEN_CHARACTERS:
        raise NotAuthenticated(f"the token is not valid: it has more than {MOST_TOKEN_CHARACTERS} characters")
    try:
        key, algorithm = _key(rules, jwt.get_unverified_header(token), keys)
        # the times are judged below: at the moment asked for, not now
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            [algorithm],
            audience=rules.audience,
            issuer=rules.issuer,
            options={
                "require": ["sub", "exp", "iat"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidAudienceError:
        raise NotAuthenticated("the token is for another audience") from None
    except jwt.InvalidIssuerError:
        raise NotAuthenticated("the token is of another issuer") from None
    except jwt.PyJWTError as error:
        # it may quote the token's header, where anybody can have written anything
        raise NotAuthenticated(f"the token is not valid: {printable(str(error))}") from None
    except RecursionError:  # its header is parsed before its signature is judged
        raise NotAuthenticated("the token is not valid: nested too deeply") from None
    _check_times(claims, at)
    if not IDENTIFIER.fullmatch(claims["sub"]):
        raise NotAuthenticated("the token's sub must be a user id: 1 to 64 of A-Z a-z 0-9 . _ : -")
    return claims


def _key(rules: TokenRules, header: Mapping[str, Any], keys: KeySet | None) -> tuple[Any, str]:
    """What verifies a token with this header, and by which algorithm."""
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm == SHARED and rules.secret is not None:
        return rules.secret, SHARED
    # whatever JSON has may stand there, lists too, which no set can be asked for
    if not isinstance(algorithm, str) or algorithm not in ASYMMETRIC or keys is None:
        raise jwt.InvalidAlgorithmError("The specified alg value is not allowed")
    if (found := keys.find(key_id, algorithm)) is None:
        raise UnknownKey("the token is not valid: no key of the identity provider is the one that it names")
    return found.key, algorithm


def _check_times(claims: Mapping[str, Any], at: float) -> None:
    times = [claims["exp"], claims["iat"], claims.get("nbf", 0)]
    if not all(_is_time(time) for time in times):
        raise NotAuthenticated("exp, iat and nbf must be numbers")
    if at > claims["exp"] + LEEWAY_SECONDS:
        raise NotAuthenticated("the token has expired")
    if at < max(claims["iat"], claims.get("nbf", 0)) - LEEWAY_SECONDS:
        raise NotAuthenticated("the token is not valid yet")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TIME_LIMIT  # no NaN is
