"""Runs one server, and stops it when the process that wanted it is gone, however it went.

    python -I guard.py STOP_SIGNAL PARENT_PID ACCOUNT COMMAND...

ACCOUNT is `self`, `namespace` (root as an ordinary user of a user namespace) or `UID:GID`.
stdout: the server's process id, one line. stderr: the log, shared with the server.
stdin: the byte `K` kills the server; its end, as any end of the parent, stops it gracefully.

Runs apart from the package, so it imports the standard library alone.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

KILL = b"K"
STOP_WITHIN_SEC = 60.0
REMNANTS_END_WITHIN_SEC = 2.0

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWUSER = 0x10000000
_LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> int:
    """Run the command until it ends or is to end; its exit status, 128 + n where signal n ended it."""
    stop_signal, parent, account, command = int(arguments[0]), int(arguments[1]), arguments[2], arguments[3:]
    stop_orders: list[int] = []
    # non-blocking both ways, as set_wakeup_fd demands of the end that it writes to
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: stop_orders.append(received))
    if _LINUX:
        # what the server leaves behind becomes a child of this process, which can then wait for its end
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def before_exec() -> None:
        try:
            become(account)
            require_reach(command[0], Path.cwd())
        except OSError as error:
            os.write(2, f"{error}\n".encode())
            raise
        if _LINUX:
            # last, because a change of user clears it; it stops the server should this process be killed
            _libc.prctl(_PR_SET_PDEATHSIG, stop_signal)

    try:
        # close_fds=False: the server inherits the directory's lock
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=2, stderr=2, preexec_fn=before_exec, close_fds=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
        return 127
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{server.pid}\n".encode())

    while server.poll() is None and not stop_orders and os.getppid() == parent:
        # a second between looks at the parent: it can be gone while a fork of it keeps our stdin open
        readable, _, _ = select.select([0, woken.fileno()], [], [], 1.0)
        if woken.fileno() in readable:
            woken.recv(4096)
        if 0 in readable:
            if os.read(0, 1) != KILL:
                break
            server.kill()
            server.wait()

    server.send_signal(stop_signal)
    try:
        server.wait(STOP_WITHIN_SEC)
    except subprocess.TimeoutExpired:
        server.kill()
    status = server.wait()
    await_remnants()
    return status if status >= 0 else 128 - status


def become(account: str) -> None:
    """Change this process, a child about to run the command, to `account`.

    Raises `OSError` where the system does not permit it.
    """
    if account == "self":
        return
    if account == "namespace":
        gid = os.getegid()
        if _libc.unshare(_CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "no user namespace is to be had")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text("1000 0 1")
        Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")
        return
    uid, gid = map(int, account.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def require_reach(program: str, directory: Path) -> None:
    """Raise `PermissionError` unless this process may run `program` and write in `directory`."""
    for path, mode in (Path(program), os.X_OK), (directory, os.R_OK | os.W_OK | os.X_OK):
        if path.is_absolute() and not os.access(path, mode):
            raise PermissionError(
                f"{path} is not open to user {os.getuid()}, as which the server runs: "
                "let that user pass every directory above it (chmod o+x), or choose another place"
            )


def await_remnants() -> None:
    """Return when no process of an ended server is left.

    A PostgreSQL backend in the middle of a long computation does not notice that its postmaster was killed,
    and as long as it lives no other can start on the data: it is killed too.
    """
    deadline = time.monotonic() + REMNANTS_END_WITHIN_SEC
    while time.monotonic() < deadline + 1:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended:
            continue
        if time.monotonic() > deadline:
            with contextlib.suppress(OSError):
                children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
                for pid in map(int, children.split()):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
