"""JWK Sets: which of their keys may verify tokens."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pipeline.keys import KeysUnreadable, read_key_set
from tests.pipeline.keys import Provider

EC = Provider("ES256").entry()
RSA = Provider("RS256").entry(kid="r1")


def test_a_key_is_found_by_name_and_algorithm() -> None:
    """An RSA key serves all its algorithms, unless it states one."""
    keys = read_key_set({"keys": [EC, RSA]})
    for algorithm in ("RS256", "RS512", "PS256"):
        assert (found := keys.find("r1", algorithm)) is not None
        assert found.key_id == "r1"
    assert keys.find("k1", "RS256") is keys.find("k1", "ES384") is keys.find("none", "ES256") is None
    stated = read_key_set({"keys": [{**RSA, "alg": "RS256"}]})
    assert stated.find("r1", "RS256") is not None
    assert stated.find("r1", "PS256") is None


def test_a_token_without_a_name_takes_the_only_key_that_fits() -> None:
    """Where two fit, none is guessed."""
    assert read_key_set({"keys": [EC, RSA]}).find(None, "ES256") is not None
    assert read_key_set({"keys": [EC, {**EC, "kid": "k2"}]}).find(None, "ES256") is None


@pytest.mark.parametrize(
    "entry",
    [
        {**EC, "use": "enc"},
        {**EC, "d": "AAAA"},
        {**EC, "crv": "P-192"},
        {**EC, "alg": "RS256"},
        {**EC, "alg": ["ES256"]},
        {**EC, "x": 7},
        {**RSA, "alg": "HS256"},
        {**RSA, "alg": "none"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k1"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k1", "alg": "RS256"},
        {"kid": "k1"},
        "a key",
        None,
    ],
)
def test_a_key_that_is_of_no_use_is_left_out(entry: Any) -> None:
    """For encryption, private, shared, of another curve or broken; those beside it count."""
    with pytest.raises(KeysUnreadable) as error:
        read_key_set({"keys": [entry]})
    assert str(error.value) == "none of its keys is a public key for signatures by RS, PS, ES or EdDSA"
    assert len(read_key_set({"keys": [entry, {**EC, "kid": "good"}]}).keys) == 1


def test_a_short_rsa_key_is_left_out() -> None:
    """RFC 7518 asks for 2048 bits."""
    provider = Provider("RS256")
    provider.private = rsa.generate_private_key(65537, 1024)
    with pytest.raises(KeysUnreadable):
        provider.key_set()


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": [EC] * 101}])
def test_what_is_no_set_of_keys_is_refused(document: dict[str, Any]) -> None:
    """With the rule."""
    with pytest.raises(KeysUnreadable) as error:
        read_key_set(document)
    assert str(error.value) == "it must be a JSON object whose keys are a list of at most 100 JSON Web Keys"
