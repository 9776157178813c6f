"""Calls about a task that no worker has come to yet."""

import uuid

from tests.fix_installation import Installation
from tests.gateway.api.conftest import client_of
from tests.gateway.api.test_submission import GENERATE, ended, problem
from tests.processes import wait_until


def test_a_task_is_cancelled_before_a_worker_has_come_to_it(shared_installation: Installation) -> None:
    """202 for both calls, of the one who sent it alone; then little of it is begun before the cancel comes."""
    user = f"ida-{uuid.uuid4().hex[:8]}"
    with client_of(shared_installation, user) as ida, client_of(shared_installation, "eve") as eve:
        begun = ida.post(GENERATE, json={"quantity": 2000, "area_code": "201", "batch_size": 100})
        assert (begun.status_code, begun.json()["status"]) == (202, None)
        url = f"/api/tasks/{begun.json()['task_id']}/cancel/"
        assert problem(eve.post(url), 404)["code"] == "unknown_task"
        assert ida.post(url).status_code == 202
        with shared_installation.worker("late"):
            status_url = begun.json()["status_url"]
            wait_until(lambda: ida.get(status_url).is_success, 60, "a worker that has come to it")
            task = ended(ida, status_url)
    assert task["status"] == "cancelled"
    assert task["succeeded"] < 2000
