"""An identity provider with a key of its own."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pipeline.keys import KeySet, read_key_set

KEY_KINDS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS512": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@dataclass
class Provider:
    """One that signs by one algorithm."""

    algorithm: str
    key_id: str = "k1"
    private: Any = field(init=False)

    def __post_init__(self) -> None:
        self.private = KEY_KINDS[self.algorithm]()

    def entry(self, **changes: Any) -> dict[str, Any]:
        """The public key as a JSON Web Key."""
        public = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.key_id, "use": "sig", **changes}

    def document(self) -> dict[str, Any]:
        """The JWK Set that it publishes."""
        return {"keys": [self.entry()]}

    def key_set(self) -> KeySet:
        """The same, read."""
        return read_key_set(self.document())

    def token(self, claims: dict[str, Any], kid: str | None = None) -> str:
        """A token that it signs."""
        return jwt.encode(claims, self.private, self.algorithm, {"kid": kid or self.key_id})

    def forged_with_public_key(self, claims: dict[str, Any]) -> str:
        """A token by HS256, with the text of the public key as the secret."""
        form, encoding = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.PEM
        secret = self.private.public_key().public_bytes(encoding, form)
        head = {"alg": "HS256", "typ": "JWT", "kid": self.key_id}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims)]
        signed = b".".join(parts)
        signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")
        return (signed + b"." + signature).decode()
