"""Who runs a command."""

import getpass
import os
import re


def login_name() -> str:
    """The login name, in the letters that a user id may have; of an account without a name, its number."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # in a container, an account that nobody made
        name = f"uid-{os.getuid()}"
    return re.sub(r"[^A-Za-z0-9._:-]", "-", name)[:64]
