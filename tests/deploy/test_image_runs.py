"""The image's build stage run as it stands, as the image's user, and its processes started out of what it left."""

import fnmatch
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import Kafka, Postgres
from embedded.ports import free_port
from tests.deploy.dockerfile import FINAL, Image, copied, of
from tests.deploy.manifests import ROOT
from tests.deploy.test_compose import SERVICES
from tests.processes import wait_until

PORTS = {"worker": "9101", "gateway": "6161"}  # that the health checks of compose ask
MOST_MEGABYTES = 400  # of all that is installed, compiled to bytecode too


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Built in a clean directory that the image's user owns."""
    with tempfile.TemporaryDirectory(prefix="numberline-image-") as name:
        made = Image(Path(name))
        made.build()
        yield made


def test_nothing_is_done_as_root(image: Image) -> None:
    """All that was installed belongs to the image's user, and is what its processes run as."""
    assert image.user > 0
    installed = image.directory / "opt" / "numberline"
    assert {path.lstat().st_uid for path in installed.rglob("*")} == {image.user}
    assert image.run("python", "-c", "import os; print(os.getuid())").split() == [str(image.user)]


def test_entry_point_and_its_default(image: Image) -> None:
    """Without the development tools, and without the embedded servers."""
    (entry,), (default,) = of("ENTRYPOINT", FINAL), of("CMD", FINAL)
    listed = image.run(*json.loads(entry), *json.loads(default))
    assert all(command in listed for command in ("init", "worker", "gateway"))
    assert "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS" in image.run(*json.loads(entry), "settings")


@pytest.fixture(scope="module")
def environment(
    image: Image, kafka_server: Kafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """What compose would tell a process, after `init` of the image has made an installation.

    The database listens on a port: sockets lie where another user has no way in.
    """
    with Postgres(tmp_path_factory.mktemp("image"), port=free_port()) as postgres:
        found = {
            "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": kafka_server.bootstrap_servers,
            "NUMBERLINE_DATABASE_URL": postgres.create_database("image"),
            "NUMBERLINE_NAMESPACE": "image",
            "NUMBERLINE_HOST": "127.0.0.1",  # nothing of a test listens beyond this machine
            "NUMBERLINE_AUTH_SECRET": secrets.token_urlsafe(32),
            "NUMBERLINE_WORKER_ID": "image",
            **{f"NUMBERLINE_{name}_PORT": str(free_port()) for name in ("GATEWAY", "HTTP")},
        }
        (entry,) = of("ENTRYPOINT", FINAL)
        assert "topics created" in image.run(*json.loads(entry), *SERVICES["init"]["command"], **found)
        yield found


@pytest.mark.parametrize("process", PORTS)
def test_process_and_its_health_check(process: str, image: Image, environment: dict[str, str]) -> None:
    """As compose starts it, against real servers: healthy by compose's own check, and it ends with 0."""
    (entry,) = of("ENTRYPOINT", FINAL)
    service = next(one for name, one in SERVICES.items() if name.startswith(process))
    metrics = str(free_port())
    asked = metrics if process == "worker" else environment["NUMBERLINE_GATEWAY_PORT"]
    python, option, code = service["healthcheck"]["test"][1:]

    def healthy() -> bool:
        try:
            image.run(python, option, code.replace(PORTS[process], asked))
        except AssertionError:
            return False
        return True

    command = (*json.loads(entry), *service["command"])
    log = image.directory / f"{process}.log"
    with (
        log.open("wb") as out,
        image.start(out, environment | {"NUMBERLINE_METRICS_PORT": metrics}, *command) as started,
    ):
        try:
            wait_until(lambda: started.poll() is not None or healthy(), 90, f"healthy {process}")
            assert started.poll() is None, log.read_text()[-3000:]
        finally:
            started.terminate()
        assert started.wait(60) == 0, log.read_text()[-3000:]
    assert not healthy()


def test_installed_wheel_is_complete(image: Image) -> None:
    """Every module of the processes can be imported; schemas, migrations and prefix data are inside."""
    code = """
import agents.run, gateway.main, numberline.setup.init, numberline.setup.database as database
from importlib import resources
from alembic.config import Config
from alembic.script import ScriptDirectory
from numberline.prefixes.shipped import SHIPPED, read_rows
import schemas.codec
config = Config()
config.set_main_option("script_location", str(database.MIGRATIONS))
assert ScriptDirectory.from_config(config).get_current_head()
rows = read_rows((resources.files("numberline") / "data" / SHIPPED).read_bytes())
print(numberline.__file__, sum(1 for _ in rows))
"""
    where, rows = image.run("python", "-c", code).split()
    assert fnmatch.fnmatch(where, f"{image.directory}/opt/*/site-packages/numberline/*")
    assert int(rows) > 100_000


def test_installed_files_are_all_of_the_project(image: Image) -> None:
    """What git has in the packages is in the wheel, file by file."""
    packages = [one for one in copied() if (ROOT / one).is_dir()]
    (site,) = (image.directory / "opt" / "numberline").glob("lib/python*/site-packages")
    for package in packages:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert (site / path.relative_to(ROOT)).is_file(), path


def test_image_is_small(image: Image) -> None:
    """What the final stage copies, beside its base."""
    size = sum(
        os.lstat(path).st_size for path in (image.directory / "opt" / "numberline").rglob("*") if path.is_file()
    )
    assert size < MOST_MEGABYTES * 1e6, f"{size / 1e6:.0f} MB"
