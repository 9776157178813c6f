"""Twilio Lookup v2, line type intelligence: the type of a line and who serves it now.

Twilio documentation, "Lookup v2 API": GET /v2/PhoneNumbers/{number}?Fields=line_type_intelligence, HTTP Basic with
account SID and auth token. A number that is not valid has `valid` false and `validation_errors`.
"""

from collections.abc import Mapping
from typing import Any

from agents.lookups.provider import Call
from pipeline.errors import SettingsInvalid
from pipeline.judge import Answer

URL = "https://lookups.twilio.com"
LINE_TYPES = (
    *("landline", "mobile", "fixedVoip", "nonFixedVoip", "personal", "tollFree", "premium", "sharedCost", "uan"),
    *("voicemail", "pager", "unknown"),
)
# our reason for a number that Twilio finds invalid, by the first of its validation_errors
REASONS = {"INVALID_COUNTRY_CODE": "not_nanp", "INVALID_BUT_POSSIBLE": "unassigned_block"}
OTHER_REASON = "not_a_number"  # TOO_SHORT, TOO_LONG, INVALID_LENGTH, NOT_A_NUMBER


class Twilio:
    """TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN; TWILIO_LOOKUPS_URL for another address than Twilio's own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Raises SettingsInvalid where a credential is missing."""
        missing = [name for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN") if not environment.get(name)]
        if missing:
            raise SettingsInvalid(dict.fromkeys(missing, "must be set for lookups by twilio"))
        self._credentials = environment["TWILIO_ACCOUNT_SID"], environment["TWILIO_AUTH_TOKEN"]
        self._url = environment.get("TWILIO_LOOKUPS_URL", URL).rstrip("/")

    def call(self, number: int) -> Call:
        """One number a call."""
        parameters = {"Fields": "line_type_intelligence"}
        return Call(f"{self._url}/v2/PhoneNumbers/+{number}", parameters, self._credentials)

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """Line type and carrier; of an invalid number the reason."""
        if body["valid"] is not True:
            found = body.get("validation_errors") or ["NOT_A_NUMBER"]
            return Answer(reason=REASONS.get(found[0], OTHER_REASON))
        line = body["line_type_intelligence"]
        if line.get("error_code") is not None:
            return Answer(error=f"provider_error_{int(line['error_code'])}")
        line_type = line["type"] or "unknown"
        if line_type not in LINE_TYPES:
            raise ValueError(f"line type {line_type!r} is not one that is documented")
        carrier = line.get("carrier_name")
        return Answer(line_type=line_type, carrier=None if carrier is None else str(carrier)[:200])
