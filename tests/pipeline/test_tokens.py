"""Tokens: what proves a user, judged at a moment that is an argument."""

import base64
import hashlib
import json
from typing import Any

import jwt
import pytest

from pipeline.tokens import NotAuthenticated, sign, verify, verify_request

SECRET = "s" * 32
NOW = 1_700_000_000
BODY = b'{"type": "generate"}'
CLAIMS: dict[str, Any] = {"sub": "ann", "iat": NOW, "exp": NOW + 60}
DEEP = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 99_999).rstrip(b"=").decode() + ".e30.e30"


def token(*, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A token with these claims; None leaves one out."""
    held = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(held, secret, algorithm)


def reason(text: str, at: float = NOW) -> str:
    """Why a token proves nothing."""
    with pytest.raises(NotAuthenticated) as error:
        verify(SECRET, text, at)
    assert text not in str(error.value)
    return str(error.value)


def request_reason(authorization: str, body: bytes = BODY, at: float = NOW) -> str:
    """Why a header does not authorize a request."""
    with pytest.raises(NotAuthenticated) as error:
        verify_request(SECRET, authorization, body, at)
    return str(error.value)


def test_a_token_proves_its_user() -> None:
    """Within its times, and ten seconds of other clocks beyond them."""
    text = sign(SECRET, "ann", NOW, 60)
    for at in (NOW - 10, NOW, NOW + 60, NOW + 70):
        assert verify(SECRET, text, at) == "ann"
    assert verify(SECRET, sign(SECRET, "ann", NOW + 0.9), NOW + 3610) == "ann"


@pytest.mark.parametrize(
    ("claims", "at", "text"),
    [
        ({}, NOW + 71, "the token has expired"),
        ({}, NOW - 11, "the token is not valid yet"),
        ({"nbf": NOW + 30}, NOW + 15, "the token is not valid yet"),
        ({"exp": "tomorrow"}, NOW, "exp, iat and nbf must be numbers"),
        ({"exp": True}, NOW, "exp, iat and nbf must be numbers"),
        ({"nbf": "x"}, NOW, "exp, iat and nbf must be numbers"),
        ({"exp": None}, NOW, 'the token is not valid: Token is missing the "exp" claim'),
        ({"iat": None}, NOW, 'the token is not valid: Token is missing the "iat" claim'),
        ({"sub": None}, NOW, 'the token is not valid: Token is missing the "sub" claim'),
        ({"secret": "t" * 32}, NOW, "the token is not valid: Signature verification failed"),
        (
            {"secret": "t" * 64, "algorithm": "HS512"},
            NOW,
            "the token is not valid: The specified alg value is not allowed",
        ),
    ],
)
def test_a_token_that_does_not_hold_is_refused(claims: dict[str, Any], at: float, text: str) -> None:
    """Each with its reason, which never holds the token."""
    assert reason(token(**claims), at) == text


def test_a_token_without_signature_proves_nothing() -> None:
    """alg none, the oldest trick."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "none"}, CLAIMS)]
    text = b".".join([*parts, b""]).decode()
    assert reason(text) == "the token is not valid: The specified alg value is not allowed"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "\ud800", "é.é.é", "." * 10_000, DEEP])
def test_text_that_is_no_token_is_refused(text: str) -> None:
    """Whatever a header may hold."""
    with pytest.raises(NotAuthenticated, match=r"^the token is not valid: "):
        verify(SECRET, text, NOW)


@pytest.mark.parametrize(
    "times", [{"exp": 1e400}, {"iat": float("nan")}, {"exp": float("nan")}, {"nbf": -1e400}, {"exp": False}]
)
def test_times_that_are_no_times_never_open_a_door(times: dict[str, Any]) -> None:
    """A NaN compares false with everything; only the holder of the secret could write one."""
    with pytest.raises(NotAuthenticated):
        verify(SECRET, token(**times), NOW)


def test_a_request_is_authorized_by_a_token_of_its_body() -> None:
    """Bearer in any case; the user is the token's."""
    text = sign(SECRET, "ann", NOW, body=BODY)
    assert verify_request(SECRET, f"Bearer {text}", BODY, NOW) == "ann"
    assert verify_request(SECRET, f"bearer  {text} ", BODY, NOW + 3600) == "ann"
    day = token(exp=NOW + 86_400, body=hashlib.sha256(BODY).hexdigest())
    assert verify_request(SECRET, f"Bearer {day}", BODY, NOW) == "ann"


@pytest.mark.parametrize(
    ("authorization", "body", "text"),
    [
        ("Basic YTpi", BODY, "the authorization header must be: Bearer TOKEN"),
        ("", BODY, "the authorization header must be: Bearer TOKEN"),
        (
            f"Bearer {sign(SECRET, 'ann', NOW, body=BODY)}",
            BODY + b" ",
            "the token's claim body must be the SHA-256 of the request, in hexadecimal",
        ),
        (
            f"Bearer {sign(SECRET, 'ann', NOW)}",
            BODY,
            "the token's claim body must be the SHA-256 of the request, in hexadecimal",
        ),
        (
            f"Bearer {sign(SECRET, 'ann', NOW, 86_401, body=BODY)}",
            BODY,
            "a token for a request must expire within 24 hours of its issue",
        ),
    ],
)
def test_a_token_that_does_not_authorize_this_request_is_refused(
    authorization: str, body: bytes, text: str
) -> None:
    """One stolen from another request is of no use for long, nor for another body."""
    assert request_reason(authorization, body) == text
