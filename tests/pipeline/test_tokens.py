"""Tokens: what proves a user, judged at a moment that is an argument."""

import base64
import hashlib
import json
from typing import Any

import jwt
import pytest

from pipeline.errors import NotAuthenticated, UnknownKey
from pipeline.tokens import Identity, TokenRules, sign, verify, verify_request
from tests.pipeline.keys import KEY_KINDS, Provider

SECRET = "s" * 32
RULES = TokenRules(SECRET)
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
        verify(RULES, text, at)
    assert text not in str(error.value)
    return str(error.value)


def request_reason(authorization: str, body: bytes = BODY, at: float = NOW) -> str:
    """Why a header does not authorize a request."""
    with pytest.raises(NotAuthenticated) as error:
        verify_request(RULES, authorization, body, at)
    return str(error.value)


def test_a_token_proves_its_user() -> None:
    """Within its times, and ten seconds of other clocks beyond them."""
    text = sign(RULES, "ann", NOW, 60)
    for at in (NOW - 10, NOW, NOW + 60, NOW + 70):
        assert verify(RULES, text, at).user_id == "ann"
    assert verify(RULES, sign(RULES, "ann", NOW + 0.9), NOW + 3610).user_id == "ann"


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
        ({"exp": 10**400}, NOW, "exp, iat and nbf must be numbers"),
        ({"sub": 7}, NOW, "the token is not valid: Subject must be a string"),
        ({"sub": "a b"}, NOW, "the token's sub must be a user id: 1 to 64 of A-Z a-z 0-9 . _ : -"),
        ({"aud": "other"}, NOW, "the token is for another audience"),
        ({"body": "0"}, NOW, "the token authorizes one request on Kafka and nothing else"),
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


STRICT = TokenRules(SECRET, audience="numbers", issuer="us", operator_scope="ops")


def test_what_is_signed_by_rules_keeps_them() -> None:
    """Audience and issuer are written where they are asked for."""
    assert verify(STRICT, sign(STRICT, "ann", NOW), NOW) == Identity("ann", NOW + 3610.0)


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"iss": "us"}, 'the token is not valid: Token is missing the "aud" claim'),
        ({"aud": "numbers"}, 'the token is not valid: Token is missing the "iss" claim'),
        ({"aud": "other", "iss": "us"}, "the token is for another audience"),
        ({"aud": [], "iss": "us"}, 'the token is not valid: Token is missing the "aud" claim'),
        ({"aud": "numbers", "iss": "them"}, "the token is of another issuer"),
    ],
)
def test_a_token_for_others_or_of_others_is_refused(claims: dict[str, Any], text: str) -> None:
    """Where an installation has an audience and an issuer."""
    with pytest.raises(NotAuthenticated) as error:
        verify(STRICT, token(**claims), NOW)
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("scope", "operator"),
    [("ops", True), ("read ops write", True), ("opsy", False), ("", False), (["ops"], False), (7, False)],
)
def test_an_operator_is_who_has_the_scope(scope: object, operator: bool) -> None:
    """A word of the claim scope, as text (RFC 8693, section 4.2), and nothing that only looks like it."""
    identity = verify(STRICT, token(aud=["numbers", "x"], iss="us", scope=scope), NOW)
    assert identity.operator is operator
    assert identity.may_read("ann")
    assert identity.may_read("bob") is operator


@pytest.mark.parametrize("algorithm", KEY_KINDS)
def test_a_providers_key_verifies_its_tokens(algorithm: str) -> None:
    """RSA, elliptic curves and Ed25519, by the key that the token names."""
    provider = Provider(algorithm)
    assert verify(RULES, provider.token(CLAIMS), NOW, provider.key_set()).user_id == "ann"
    other = Provider(algorithm)
    with pytest.raises(NotAuthenticated, match=r"^the token is not valid: Signature verification failed$"):
        verify(RULES, other.token(CLAIMS), NOW, provider.key_set())


def test_a_key_that_is_not_known_may_be_known_later() -> None:
    """So the caller can tell it from all else."""
    provider = Provider("ES256")
    with pytest.raises(UnknownKey) as error:
        verify(RULES, provider.token(CLAIMS, kid="other"), NOW, provider.key_set())
    assert str(error.value) == "the token is not valid: no key of the identity provider is the one that it names"


@pytest.mark.parametrize("rules", [RULES, TokenRules(None)])
def test_a_public_key_is_no_shared_secret(rules: TokenRules) -> None:
    """A token signed by HS256 with the text of the public key, the second oldest trick."""
    provider = Provider("RS256")
    forged = provider.forged_with_public_key(CLAIMS)
    with pytest.raises(NotAuthenticated, match=r"Signature verification failed$|alg value is not allowed$"):
        verify(rules, forged, NOW, provider.key_set())


def test_without_a_secret_no_shared_token_is_taken() -> None:
    """Not even one signed with an empty secret."""
    with pytest.raises(NotAuthenticated, match=r"alg value is not allowed$"):
        verify(TokenRules(None), token(), NOW, Provider("ES256").key_set())


def test_a_token_of_an_enormous_size_is_not_parsed() -> None:
    """It is refused by its length."""
    assert reason("a" * 8193) == "the token is not valid: it has more than 8192 characters"


def unsigned(header: dict[str, Any]) -> str:
    """A token with this header and no signature."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, CLAIMS)]
    return b".".join([*parts, b""]).decode()


def test_a_token_without_signature_proves_nothing() -> None:
    """alg none, the oldest trick."""
    assert reason(unsigned({"alg": "none"})) == "the token is not valid: The specified alg value is not allowed"


@pytest.mark.parametrize("algorithm", [["HS256"], {"HS256": 1}, 7, None])
def test_an_algorithm_that_is_no_text_is_refused(algorithm: Any) -> None:
    """Anybody can write one: it must not pass for a defect, of which some end a worker."""
    text = unsigned({"alg": algorithm})
    assert reason(text) == "the token is not valid: The specified alg value is not allowed"


@pytest.mark.parametrize(("extension", "told"), [("\ud800", "\\ud800"), ("\0", "\\x00"), ("\n", "\\n")])
def test_what_a_reason_quotes_can_be_told(extension: str, told: str) -> None:
    """It goes into answers, logs and the audit trail, and anybody can have written it."""
    text = unsigned({"alg": "HS256", "crit": [extension]})
    assert reason(text) == f"the token is not valid: Unsupported critical extension: {told}"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "\ud800", "é.é.é", "." * 10_000, DEEP])
def test_text_that_is_no_token_is_refused(text: str) -> None:
    """Whatever a header may hold."""
    with pytest.raises(NotAuthenticated, match=r"^the token is not valid: "):
        verify(RULES, text, NOW)


@pytest.mark.parametrize(
    "times", [{"exp": 1e400}, {"iat": float("nan")}, {"exp": float("nan")}, {"nbf": -1e400}, {"exp": False}]
)
def test_times_that_are_no_times_never_open_a_door(times: dict[str, Any]) -> None:
    """A NaN compares false with everything; only the holder of the secret could write one."""
    with pytest.raises(NotAuthenticated):
        verify(RULES, token(**times), NOW)


def test_a_request_is_authorized_by_a_token_of_its_body() -> None:
    """Bearer in any case; the user is the token's."""
    text = sign(RULES, "ann", NOW, body=BODY)
    assert verify_request(RULES, f"Bearer {text}", BODY, NOW) == "ann"
    assert verify_request(RULES, f"bearer  {text} ", BODY, NOW + 3600) == "ann"
    day = token(exp=NOW + 86_400, body=hashlib.sha256(BODY).hexdigest())
    assert verify_request(RULES, f"Bearer {day}", BODY, NOW) == "ann"


@pytest.mark.parametrize(
    ("authorization", "body", "text"),
    [
        ("Bearer ", BODY, "the authorization header must be: Bearer TOKEN"),
        ("Basic YTpi", BODY, "the authorization header must be: Bearer TOKEN"),
        ("", BODY, "the authorization header must be: Bearer TOKEN"),
        (
            f"Bearer {sign(RULES, 'ann', NOW, body=BODY)}",
            BODY + b" ",
            "the token's claim body must be the SHA-256 of the request, in hexadecimal",
        ),
        (
            f"Bearer {sign(RULES, 'ann', NOW)}",
            BODY,
            "the token's claim body must be the SHA-256 of the request, in hexadecimal",
        ),
        (
            f"Bearer {sign(RULES, 'ann', NOW, 86_401, body=BODY)}",
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
