"""Public keys of an identity provider: a JWK Set (RFC 7517) as what may verify tokens. Never a shared secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from pipeline.errors import NumberlineError

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
ASYMMETRIC = _RSA | frozenset(_BY_CURVE.values())
MIN_RSA_BITS = 2048  # RFC 7518, section 3.3
MOST_KEYS = 100


@dataclass
class KeysUnreadable(NumberlineError):
    """A document that is no JWK Set with a key of use to us."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class VerificationKey:
    """One public key, and the signature algorithms that it is for."""

    key_id: str | None
    algorithms: frozenset[str]
    key: Any


@dataclass(frozen=True)
class KeySet:
    """Keys by the `kid` and `alg` of a token's header."""

    keys: tuple[VerificationKey, ...] = ()

    def find(self, key_id: str | None, algorithm: str) -> VerificationKey | None:
        """The key of this name for this algorithm. The name may be left out where one key alone can be meant."""
        fitting = [key for key in self.keys if algorithm in key.algorithms and key_id in (None, key.key_id)]
        return fitting[0] if len(fitting) == 1 or (fitting and key_id is not None) else None


def read_key_set(document: Mapping[str, Any]) -> KeySet:
    """The signature keys of a JWK Set; others (for encryption, shared, short or unknown ones) are left out.

    Raises KeysUnreadable where none is left.
    """
    entries = document.get("keys")
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise KeysUnreadable(f"it must be a JSON object whose keys are a list of at most {MOST_KEYS} JSON Web Keys")
    keys = tuple(key for entry in entries if isinstance(entry, dict) and (key := _read_key(entry)))
    if not keys:
        raise KeysUnreadable("none of its keys is a public key for signatures by RS, PS, ES or EdDSA")
    return KeySet(keys)


def _read_key(entry: dict[str, Any]) -> VerificationKey | None:
    algorithms = _RSA if entry.get("kty") == "RSA" else frozenset({_BY_CURVE.get(str(entry.get("crv")), "")})
    if (stated := entry.get("alg")) is not None:
        algorithms = algorithms & {stated} if isinstance(stated, str) else frozenset()
    if entry.get("kty") not in ("RSA", "EC", "OKP") or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    if not algorithms & ASYMMETRIC:
        return None
    try:
        key = jwt.PyJWK(entry).key
    except jwt.PyJWTError:
        return None
    if algorithms & _RSA and key.key_size < MIN_RSA_BITS:
        return None
    key_id = entry.get("kid")
    return VerificationKey(key_id if isinstance(key_id, str) else None, algorithms, key)
