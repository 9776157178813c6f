"""Workarounds for Faust-streaming 0.15.3 on aiokafka 0.14. Nothing else in the project patches either.

`install` is called before an App is made. Each patch is named after the defect that it removes (docs/faust.md);
tests/agents/faust_workarounds/ holds each by a test that fails without it.
"""

from collections.abc import Callable

from agents.faust_workarounds.imports import f16_leave_out_what_no_step_uses

with f16_leave_out_what_no_step_uses():
    import faust.app  # noqa: F401  # with all that it brings

from agents.faust_workarounds.application import App, Monitor
from agents.faust_workarounds.broken_connections import f15_end_with_the_fetcher, f15_take_closed_for_broken
from agents.faust_workarounds.commits import f1_commit_only_what_is_acked, f8_commit_before_partitions_go
from agents.faust_workarounds.delays import (
    f10_end_without_a_sleep,
    f10_start_without_a_sleep,
    f11_deliver_without_tasks,
    f17_ask_for_all_commits_at_once,
)
from agents.faust_workarounds.fetch_sessions import f19_fetch_what_has_changed
from agents.faust_workarounds.fetching import (
    f3_fetch_only_active_partitions,
    f7_end_when_records_are_gone,
    f14_take_back_what_nobody_waits_for,
)
from agents.faust_workarounds.header_names import f13_read_every_header
from agents.faust_workarounds.loopback import Loopback, f21_ask_again_after_the_step
from agents.faust_workarounds.membership import (
    f9_leave_though_static,
    f12_subscribe_no_more_at_the_end,
    f12_take_no_assignment_without_our_topics,
)
from agents.faust_workarounds.one_loop import f18_consume_in_the_loop_of_the_steps, f18_fetch_after_the_steps
from agents.faust_workarounds.producer import producer_is_idempotent
from agents.faust_workarounds.recovery import (
    f3_seek_before_resuming,
    f20_deliver_what_is_active_now,
    f20_pause_in_the_client_too,
)
from agents.faust_workarounds.table import Table

__all__ = ["PATCHES", "App", "Loopback", "Monitor", "Table", "install"]

# in this order: F14 wraps what F3 has put in place, and F3 what F20 has
PATCHES: tuple[Callable[[], None], ...] = (
    producer_is_idempotent,
    f1_commit_only_what_is_acked,
    f20_deliver_what_is_active_now,
    f3_fetch_only_active_partitions,
    f3_seek_before_resuming,
    f7_end_when_records_are_gone,
    f8_commit_before_partitions_go,
    f9_leave_though_static,
    f10_end_without_a_sleep,
    f10_start_without_a_sleep,
    f11_deliver_without_tasks,
    f12_subscribe_no_more_at_the_end,
    f12_take_no_assignment_without_our_topics,
    f13_read_every_header,
    f14_take_back_what_nobody_waits_for,
    f15_take_closed_for_broken,
    f15_end_with_the_fetcher,
    f17_ask_for_all_commits_at_once,
    f18_consume_in_the_loop_of_the_steps,
    f18_fetch_after_the_steps,
    f19_fetch_what_has_changed,
    f20_pause_in_the_client_too,
    f21_ask_again_after_the_step,
)


def install() -> None:
    """Apply every patch; a second call changes nothing."""
    if getattr(install, "done", False):
        return
    for patch in PATCHES:
        patch()
    install.done = True  # type: ignore[attr-defined]
