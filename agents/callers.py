"""Whose request a record of Kafka is, in an installation where requests carry a token."""

from agents.records import Record
from pipeline.errors import NotAuthenticated
from pipeline.settings import Settings
from pipeline.tokens import TokenRules, verify_request


class Callers:
    """Reads tokens by the installation's rules."""

    def __init__(self, settings: Settings) -> None:
        self._rules = TokenRules.of(settings)

    def of(self, record: Record) -> str:
        """The user whose token the record carries.  Raises NotAuthenticated."""
        authorization = record.header("authorization")
        if authorization is None:
            raise NotAuthenticated("a request needs the header authorization: Bearer TOKEN")
        return verify_request(
            self._rules,
            authorization.decode(errors="replace"),
            record.value or b"",
            record.timestamp / 1000,
        )
