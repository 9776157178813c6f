"""The next release that the suite makes is one: more in every event, and still readable by this one."""

import dataclasses
import inspect
import sys

from chaos.release import with_field
from schemas import events


def test_every_event_has_a_field_more_and_nothing_else_has() -> None:
    """With a default, after all the others."""
    made: dict[str, object] = {}
    for module in {sys.modules[kind.__module__] for kind in (*events.BY_NAME.values(), events.Plan)}:
        made |= {"__name__": module.__name__}
        exec(compile(with_field(inspect.getsource(module), "added"), str(module.__file__), "exec"), made)
    for name, kind in events.BY_NAME.items():
        newer = made[name]
        assert dataclasses.is_dataclass(newer)
        assert [field.name for field in dataclasses.fields(newer)] == [
            *(field.name for field in dataclasses.fields(kind)),
            "added",
        ]
    plan = made["Plan"]
    assert dataclasses.is_dataclass(plan)
    assert "added" not in {field.name for field in dataclasses.fields(plan)}
