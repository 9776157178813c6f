"""The broker's jars: each named and pinned by SHA-256 in kafka.lock, downloaded once a user."""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from embedded.errors import JarRefusedError, NoHomeError, RegistryUnreachableError

LOCK = Path(__file__).with_name("kafka.lock")

# bytes had so far, bytes in all; called in the caller's thread, only while something is downloaded
Progress = Callable[[int, int], None]

_PARALLEL = 6
_TIMEOUT_SEC = 60.0
_TRIES = 3
_BACKOFF_SEC = 0.25


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock file: Maven coordinates, SHA-256 in hexadecimal, size in bytes."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Where a Maven repository has it, relative to the repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.name}"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """The jars of a lock file, one a line: `GROUP:ARTIFACT:VERSION SHA256 SIZE`."""
    jars = []
    for line in lock.read_text().splitlines():
        coordinates, sha256, size = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group, artifact, version, sha256, int(size)))
    return jars


def cache_directory() -> Path:
    """Where this user's jars are kept.  Raises `NoHomeError` where nothing says."""
    if not (caches := os.environ.get("XDG_CACHE_HOME")):
        if (home := _home()) is None:
            raise NoHomeError("this user has no home directory, which keeps the broker's jars: set HOME to one")
        caches = str(home / ".cache")
    return Path(caches) / "numberline" / "jars"


def _home() -> Path | None:
    """None as in a container whose user nobody made."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def fetch_jars(jars: Sequence[Jar], on_progress: Progress | None = None) -> list[Path]:
    """Files of `jars`, in their order, each with the SHA-256 that the lock says.

    Blocks while missing ones are downloaded. Raises `RegistryUnreachableError`, `JarRefusedError`,
    `NoHomeError`.
    """
    files = {jar: found for jar in jars if (found := _find(jar))}
    missing = [jar for jar in jars if jar not in files]
    if missing:
        _download_all(missing, on_progress or (lambda done, total: None))
        files.update({jar: cache_directory() / jar.name for jar in missing})
    return [files[jar] for jar in jars]


def _find(jar: Jar) -> Path | None:
    home = _home()
    for path in (cache_directory() / jar.name, *([home / ".m2/repository" / jar.path] if home else [])):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(content).hexdigest() == jar.sha256:
            return path
    return None


def _download_all(jars: Sequence[Jar], on_progress: Progress) -> None:
    cache_directory().mkdir(parents=True, exist_ok=True)
    total, done = sum(jar.size for jar in jars), 0
    on_progress(done, total)
    with _session() as session, ThreadPoolExecutor(_PARALLEL) as pool:
        downloads = {pool.submit(_download, session, jar): jar for jar in jars}
        try:
            for download in as_completed(downloads):
                download.result()
                done += downloads[download].size
                on_progress(done, total)
        finally:
            # after a failure the rest would only fail one after the other
            pool.shutdown(cancel_futures=True)


def _session() -> requests.Session:
    retries = Retry(total=4, backoff_factor=_BACKOFF_SEC, status_forcelist=[429, 500, 502, 503, 504])
    session = requests.Session()
    for scheme in "http://", "https://":
        session.mount(scheme, HTTPAdapter(pool_maxsize=_PARALLEL, max_retries=retries))
    return session


def _download(session: requests.Session, jar: Jar) -> None:
    # jgo knows the registry's address; it is slow to import, and needed once
    from jgo.constants import MAVEN_CENTRAL_URL

    try:
        content = _get(session, f"{MAVEN_CENTRAL_URL}/{jar.path}")
    except requests.RequestException as error:
        raise RegistryUnreachableError(jar.name, MAVEN_CENTRAL_URL, cache_directory(), str(error)) from error
    found = hashlib.sha256(content).hexdigest()
    if found != jar.sha256:
        raise JarRefusedError(jar.name, jar.sha256, found)
    # whole or not at all, also where another run downloads the same
    part = cache_directory() / f"{jar.name}.{os.getpid()}.part"
    part.write_bytes(content)
    part.replace(cache_directory() / jar.name)


def _get(session: requests.Session, url: str) -> bytes:
    """The body of `url`; the session's retries do not cover one that is cut off halfway."""
    for attempt in range(1, _TRIES + 1):
        try:
            answer = session.get(url, timeout=_TIMEOUT_SEC)
        except requests.exceptions.ChunkedEncodingError:
            if attempt == _TRIES:
                raise
            time.sleep(attempt)
            continue
        answer.raise_for_status()
        return answer.content
    raise AssertionError("unreachable: the last try returns or raises")
