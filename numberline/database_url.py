"""The address of PostgreSQL, as libpq can read it."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pipeline.errors import SettingsInvalid
from pipeline.settings import Settings, variable


def database_url(settings: Settings) -> str:
    """As it is set.  Raises SettingsInvalid, without libpq's own words: they quote it, and its password with it."""
    url = settings.database_url.get_secret_value()
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        accepts = Settings.model_fields["database_url"].description
        text = f"must be {accepts}, with other letters than A-Z a-z 0-9 - . _ ~ as %XX; its value is not shown"
        raise SettingsInvalid({variable("database_url"): text}) from None
    return url
