"""Debian's Prometheus: its programs, and a server that scrapes processes of a test."""

import contextlib
import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from embedded.ports import free_port
from tests.processes import get, wait_until

ROOT = Path(__file__).parents[1]


def program(name: str) -> str:
    """Where prometheus or promtool is."""
    found = shutil.which(name, path=str(ROOT / ".venv" / "bin")) or shutil.which(name)
    assert found, f"no {name}: run `make programs`, or install the package prometheus"
    return found


def promtool(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """One run of promtool, with this on its standard input."""
    return subprocess.run(
        [program("promtool"), *arguments], input=text, capture_output=True, text=True, timeout=60, check=False
    )


def lint(text: str) -> str:
    """What `promtool check metrics` has against this."""
    done = promtool("check", "metrics", text=text)
    assert done.returncode in (0, 1, 3), done.stderr
    return done.stdout + done.stderr


class Prometheus:
    """A running server, on the loopback address."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now."""
        answer = get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        assert answer, f"no answer to {expression}"
        found: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = json.loads(get(f"{self.url}/api/v1/alerts"))["data"]["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}


@contextlib.contextmanager
def running(
    directory: Path, targets: Mapping[str, Sequence[int]], rules: Sequence[Path] = ()
) -> Iterator[Prometheus]:
    """A server that scrapes these ports every second. targets: job -> ports of this machine."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            for job, ports in targets.items()
        ],
    }
    (directory / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    with (
        (directory / "prometheus.log").open("wb") as log,
        subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}/-/ready"
            wait_until(lambda: process.poll() is not None or get(url), 30, "Prometheus")
            assert process.poll() is None, (directory / "prometheus.log").read_text()[-3000:]
            yield Prometheus(port)
        finally:
            process.terminate()
