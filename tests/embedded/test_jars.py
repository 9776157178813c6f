"""The broker's jars: every byte is what the lock file says, or none is used."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from embedded import JarRefusedError, NoHomeError, RegistryUnreachableError
from embedded.jars import LOCK, Jar, cache_directory, fetch_jars, read_lock
from embedded.ports import free_port

CONTENT = b"a jar's bytes"
JAR = Jar("org.example.deep", "thing", "1.2", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without telling the terminal."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who has no jars yet."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of a registry on this machine that has `JAR`."""
    root = tmp_path / "registry"
    (root / JAR.path).parent.mkdir(parents=True)
    (root / JAR.path).write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(root))) as server:
        monkeypatch.setattr("jgo.constants.MAVEN_CENTRAL_URL", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield root
        server.shutdown()
        thread.join()


def test_a_user_without_a_home_needs_a_place_for_the_jars(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user nobody made: XDG_CACHE_HOME is enough, else a sentence says what to set."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 54321)
    kept = cache_directory() / JAR.name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    assert fetch_jars([JAR]) == [kept]
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(NoHomeError, match="set HOME to one"):
        fetch_jars([JAR])


def test_a_jar_is_downloaded_once(registry: Path) -> None:
    """The second time nothing is asked of the registry."""
    seen: list[tuple[int, int]] = []
    [path] = fetch_jars([JAR], lambda done, total: seen.append((done, total)))
    assert path == cache_directory() / "thing-1.2.jar"
    assert path.read_bytes() == CONTENT
    assert seen == [(0, JAR.size), (JAR.size, JAR.size)]
    (registry / JAR.path).unlink()
    assert fetch_jars([JAR]) == [path]
    assert list(cache_directory().iterdir()) == [path]


def test_a_tampered_download_is_refused(registry: Path) -> None:
    """The error names the jar and both sums, and nothing is kept."""
    (registry / JAR.path).write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(JarRefusedError) as error:
        fetch_jars([JAR])
    assert str(error.value) == (
        f"thing-1.2.jar was refused: its SHA-256 is {found}, kafka.lock says {JAR.sha256}; "
        "something between here and the registry changes files"
    )
    assert list(cache_directory().iterdir()) == []


def test_a_tampered_file_in_the_cache_is_replaced(registry: Path) -> None:
    """The sum is checked at every start, not only after a download."""
    [path] = fetch_jars([JAR])
    path.write_bytes(b"something else")
    assert fetch_jars([JAR]) == [path]
    assert path.read_bytes() == CONTENT


def test_a_jar_of_a_local_maven_repository_is_used(tmp_path: Path) -> None:
    """Whoever builds Java here has some of the jars."""
    path = tmp_path / "home/.m2/repository/org/example/deep/thing/1.2/thing-1.2.jar"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert fetch_jars([JAR]) == [path]


def test_a_registry_out_of_reach_is_told_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the address, the proxy's variable and the directory that jars can be copied to."""
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr("jgo.constants.MAVEN_CENTRAL_URL", address)
    monkeypatch.setattr("embedded.jars._BACKOFF_SEC", 0.0)
    with pytest.raises(RegistryUnreachableError) as error:
        fetch_jars([JAR])
    assert str(error.value).startswith(f"thing-1.2.jar cannot be downloaded from {address} (")
    assert str(error.value).endswith(
        "check the network and HTTPS_PROXY (where that has a certificate of its own, REQUESTS_CA_BUNDLE), "
        f"or copy the jars from a machine that has them into {cache_directory()}"
    )


def test_a_jar_that_the_registry_does_not_have_is_told(registry: Path) -> None:
    """An answer such as 404 is an error, never a jar."""
    (registry / JAR.path).unlink()
    with pytest.raises(RegistryUnreachableError, match="404"):
        fetch_jars([JAR])


def test_the_lock_pins_one_broker_version_and_every_sum() -> None:
    """33 jars, of which those of Kafka have one version."""
    jars = read_lock(LOCK)
    assert len(jars) == len({jar.name for jar in jars}) == 33
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.3.1"}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
