"""Settings of the Django service."""

import os
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

_address = conninfo_to_dict(os.environ["PEER_DATABASE_URL"])

SECRET_KEY = "of a service without sessions, forms or a port"
INSTALLED_APPS = ["bench.peers.django_service"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _address.get("dbname"),
        "USER": _address.get("user"),
        "PASSWORD": _address.get("password", ""),
        "HOST": _address.get("host"),
        "PORT": _address.get("port"),
        "CONN_MAX_AGE": None,
        "OPTIONS": {"options": "-c search_path=peers"},
    }
}

# Celery: messages and results are files, so that no further server runs; both sides look every 10 ms
STATE = Path(os.environ["PEER_STATE_DIR"])
POLLING_SECONDS = 0.01
