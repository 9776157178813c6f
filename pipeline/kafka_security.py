"""How every client of Kafka proves who it is and knows the broker: TLS and SASL, out of the settings."""

import ssl
from typing import Any

from pipeline.errors import SettingsInvalid
from pipeline.settings import Settings, variable


def security_options(settings: Settings) -> dict[str, Any]:
    """What aiokafka's clients take beside the brokers' addresses; nothing for PLAINTEXT.

    Reads the files of the certificates. Raises SettingsInvalid where they cannot be read, or a login is missing.
    """
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {} if protocol == "PLAINTEXT" else {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = _context(settings)
    if protocol.startswith("SASL"):
        if settings.kafka_username is None or settings.kafka_password is None:
            name = "kafka_username" if settings.kafka_username is None else "kafka_password"
            raise SettingsInvalid({variable(name): f"must be set where Kafka's protocol is {protocol}"})
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return options


def _context(settings: Settings) -> ssl.SSLContext:
    """Trusts the authority given, else those of the system; shows a certificate of its own where there is one."""
    name = "kafka_ca_file"
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
        if settings.kafka_certificate_file is not None:
            name = "kafka_certificate_file"
            context.load_cert_chain(settings.kafka_certificate_file, settings.kafka_key_file)
    except OSError as error:  # of which the errors of ssl are
        raise SettingsInvalid({variable(name): f"cannot be used: {error}"}) from None
    return context
