"""One check: what it found, or what is broken and how to mend it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import psycopg
from aiokafka.errors import KafkaError

from numberline.errors import NotReachable
from pipeline.errors import NeedsPerson, NumberlineError, SettingsInvalid
from pipeline.settings import Settings

WAIT_SECONDS = 60

Status = Literal["works", "fails", "skipped"]


@dataclass
class Broken(NumberlineError):
    """What a check has found to be wrong, and how to mend it."""

    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found}\n{self.remedy}"


@dataclass(frozen=True)
class Check:
    """look: says what it found, raises where that is wrong. needs: names of checks without which it tells nothing.

    remedy: for whatever it does not know better.
    """

    name: str
    look: Callable[[Settings], Awaitable[str]]
    remedy: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a check came to. remedy: empty of what works."""

    check: str
    status: Status
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """As `--json` has it."""
        return asdict(self)


async def outcomes(checks: Iterable[Check], settings: Settings, tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Every check in its order. tell: told of each as soon as it is known."""
    done: dict[str, Outcome] = {}
    for check in checks:
        missing = [name for name in check.needs if done[name].status != "works"]
        if missing:
            done[check.name] = Outcome(check.name, "skipped", f"needs {', '.join(missing)}")
        else:
            done[check.name] = await _outcome(check, settings)
        tell(done[check.name])
    return list(done.values())


async def _outcome(check: Check, settings: Settings) -> Outcome:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return Outcome(check.name, "works", await check.look(settings))
    except SettingsInvalid as error:
        remedy = "Set it as the running processes have it: `source .numberline/env` does."
        return Outcome(check.name, "fails", str(error), remedy)
    except (Broken, NeedsPerson) as error:
        return Outcome(check.name, "fails", error.found, error.remedy)
    except NotReachable as error:
        return Outcome(check.name, "fails", f"{error.what} cannot be reached: {error.why}", error.remedy)
    except TimeoutError:
        return Outcome(check.name, "fails", f"no answer within {WAIT_SECONDS} s", check.remedy)
    except (NumberlineError, KafkaError, psycopg.Error, OSError) as error:
        return Outcome(check.name, "fails", str(error).strip() or type(error).__name__, check.remedy)
