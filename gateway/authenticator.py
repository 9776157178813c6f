"""Whose token it is, by the installation's rules and the identity provider's newest keys."""

import time
from collections.abc import Callable

from gateway.key_source import KeySource
from pipeline.errors import SettingsInvalid, UnknownKey
from pipeline.settings import Settings, variable
from pipeline.tokens import Identity, TokenRules, verify


class Authenticator:
    """Verifies tokens. key_source: where there is an identity provider; its `run` must be running."""

    def __init__(
        self, rules: TokenRules, key_source: KeySource | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._rules, self._now = rules, now
        self.key_source = key_source

    @property
    def waiting_for(self) -> str | None:
        """Why nobody can be authenticated yet, or None."""
        return None if self.key_source is None else self.key_source.waiting_for

    async def identify(self, token: str) -> Identity:
        """Whose token this is.  Raises NotAuthenticated."""
        keys = None if self.key_source is None else self.key_source.keys
        try:
            return verify(self._rules, token, self._now(), keys)
        except UnknownKey:  # the provider may have begun to sign by a new one
            if self.key_source is None or not await self.key_source.read_for_unknown_key():
                raise
            return verify(self._rules, token, self._now(), self.key_source.keys)


def build_authenticator(settings: Settings) -> Authenticator:
    """The authenticator that the settings ask for.  Raises SettingsInvalid where they leave a door open."""
    if settings.auth_secret is None and settings.auth_jwks_url is None:
        text = f"must be set, or {variable('auth_jwks_url')}: the gateway checks tokens by it"
        raise SettingsInvalid({variable("auth_secret"): text})
    if settings.auth_jwks_url is None:
        return Authenticator(TokenRules.of(settings))
    # an identity provider signs for others as well (RFC 8725, sections 3.8 and 3.9)
    missing = [name for name in ("auth_audience", "auth_issuer") if getattr(settings, name) is None]
    if missing:
        text = f"must be set beside {variable('auth_jwks_url')}: its keys sign tokens for others as well"
        raise SettingsInvalid({variable(name): text for name in missing})
    return Authenticator(TokenRules.of(settings), KeySource(settings.auth_jwks_url))
