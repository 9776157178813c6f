"""The web side: makes a task's row, sends it to the worker, waits: `python -m bench.peers.django_service.web`."""

import subprocess
import sys

from django.conf import settings
from django.core.management import call_command

from bench.peers.django_service.tasks import generate_numbers, new_task
from bench.peers.serve import serve

RESULT_SECONDS = 1800


def submit(quantity: int, area_codes: list[str]) -> int:
    """From the submission to the worker's answer."""
    answer = generate_numbers.delay(new_task(quantity, area_codes)).get(
        timeout=RESULT_SECONDS, interval=settings.POLLING_SECONDS
    )
    return int(answer)


if __name__ == "__main__":
    for name in ("queue", "control", "results"):
        (settings.STATE / name).mkdir(parents=True)
    call_command("migrate", run_syncdb=True, verbosity=0)
    command = [sys.executable, "-m", "bench.peers.django_service.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr) as worker:
        serve(submit)
        assert worker.stdin is not None
        worker.stdin.close()
