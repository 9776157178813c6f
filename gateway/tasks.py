"""What a gateway remembers of the progress topic: active tasks, and the last sequence of ended ones. No I/O."""

from collections import OrderedDict
from collections.abc import Iterator

from schemas import topics
from schemas.events import TaskProgress

RUNNING = "running"
DAY_MS = 86_400_000
MOST_ENDED = 1_024  # whole states of ended tasks, until their rows are surely written
DAYS_KEPT = (topics.PROGRESS.retention.days if topics.PROGRESS.retention else 0) + 1


class TaskMemory:
    """The newest state of every active task, by user; of ended tasks the sequence, of the last ones the state.

    A sequence not above the last one is a repetition, or a zombie's: it must not revive an ended task (design
    rule 9). Sequences of ended tasks are kept by the day of their record, for as long as the topic keeps it.
    """

    def __init__(self) -> None:
        self._active: dict[str, dict[str, TaskProgress]] = {}
        self._ended: dict[int, dict[str, int]] = {}  # day since the epoch -> task -> sequence
        self._last_ended: OrderedDict[str, TaskProgress] = OrderedDict()
        self.active_count = 0

    def take(self, progress: TaskProgress, record_time: int) -> bool:
        """Whether it is news. record_time: of its record, ms since the epoch."""
        of_user = self._active.get(progress.user_id, {})
        known = of_user.get(progress.task_id)
        last = known.sequence if known else self._ended_sequence(progress.task_id)
        if progress.sequence <= last:
            return False
        if progress.status == RUNNING:
            self._last_ended.pop(progress.task_id, None)  # refused, and corrected under the same request_id
            self._active.setdefault(progress.user_id, of_user)[progress.task_id] = progress
            self.active_count += known is None
            return True
        if known is not None:
            del of_user[progress.task_id]
            self.active_count -= 1
            if not of_user:
                del self._active[progress.user_id]
        self._remember_end(progress, record_time // DAY_MS)
        return True

    def oldest_update(self) -> int | None:
        """When that active task last moved that has not for longest, ms since the epoch."""
        return min((one.updated_at for of in self._active.values() for one in of.values()), default=None)

    def active(self, user_id: str) -> Iterator[TaskProgress]:
        """The user's active tasks, in the order in which they began."""
        return iter(self._active.get(user_id, {}).values())

    def find_active(self, user_id: str, task_id: str) -> TaskProgress | None:
        """An active task of this user; another user's is as unknown as none."""
        return self._active.get(user_id, {}).get(task_id)

    def newest(self, user_id: str, task_id: str) -> TaskProgress | None:
        """The newest state of a task of this user, active or just ended."""
        ended = self._last_ended.get(task_id)
        if ended is not None and ended.user_id == user_id:
            return ended
        return self.find_active(user_id, task_id)

    def newest_of(self, user_id: str) -> list[TaskProgress]:
        """The same of all tasks of this user."""
        ended = [progress for progress in self._last_ended.values() if progress.user_id == user_id]
        return [*self.active(user_id), *ended]

    def _ended_sequence(self, task_id: str) -> int:
        return max((day.get(task_id, 0) for day in self._ended.values()), default=0)

    def _remember_end(self, progress: TaskProgress, day: int) -> None:
        self._last_ended[progress.task_id] = progress
        if len(self._last_ended) > MOST_ENDED:
            self._last_ended.popitem(last=False)
        self._ended.setdefault(day, {})[progress.task_id] = progress.sequence
        for old in [one for one in self._ended if one <= max(self._ended) - DAYS_KEPT]:
            del self._ended[old]
