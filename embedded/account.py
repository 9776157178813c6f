"""The account that PostgreSQL runs under: its programs refuse root."""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from embedded import guard
from embedded.errors import NoAccountError

# ordinary users that most systems have, and that own nothing of worth
_STAND_INS = ("nobody", "daemon")


@dataclass(frozen=True, slots=True)
class Account:
    """`name` is what guard.py takes; `uid` and `gid` are those that the server's files must have."""

    name: str
    uid: int
    gid: int


def own_account() -> Account:
    """The account of this process."""
    return Account("self", os.geteuid(), os.getegid())


def unprivileged_account() -> Account:
    """This process's own account, or where that is root, one which is not.

    Raises `NoAccountError` where root can neither make a user namespace nor become another user.
    """
    if os.geteuid() != 0:
        return own_account()
    in_namespace = Account("namespace", os.geteuid(), os.getegid())
    if can_run_as(in_namespace):
        return in_namespace
    for name in _STAND_INS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        stand_in = Account(f"{entry.pw_uid}:{entry.pw_gid}", entry.pw_uid, entry.pw_gid)
        if can_run_as(stand_in):
            return stand_in
    raise NoAccountError(
        "PostgreSQL does not run as root, and this system permits root neither a user namespace "
        f"nor to become {' or '.join(_STAND_INS)}: start this program as an ordinary user, "
        "or run the container with CAP_SETUID and CAP_SETGID"
    )


def can_run_as(account: Account) -> bool:
    """Whether the system lets this process start a program under `account`."""
    probe = subprocess.run(
        [sys.executable, "-I", guard.__file__, "15", str(os.getpid()), account.name, "true"],
        cwd="/tmp",
        stdin=subprocess.PIPE,
        capture_output=True,
        check=False,
    )
    # the guard tells a process id only once the program runs
    return bool(probe.stdout)


def give_to(account: Account, directory: Path) -> None:
    """Make `account`, unless it is our own, the owner of `directory` and all in it, where it is not yet."""
    if account.name == "self" or directory.stat().st_uid == account.uid:
        return
    for path in (*directory.rglob("*"), directory):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
