"""validation: verdicts on a held million and on files, against a library alone and one query a number."""

import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import goals
from bench.errors import BenchError
from bench.floors.one_by_one import library_seconds, query_seconds
from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.sizes import MORE_AREA_CODES, Sizes
from bench.stats import quotients
from numberline.client import Client
from numberline.holders import installed_holders
from numberline.list_files import Source, judge_file
from pipeline.holders import Holders
from pipeline.suppress import SuppressedNumbers
from schemas.identity import task_id
from schemas.requests import ValidateRequest

USER = "bench-validation"
LIBRARY_LINES, QUERIES = 20_000, 5_000
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes: getrusage(2)
RATES = {
    "held": "held task",
    "canonical": "file, canonical",
    "mixed": "file, mixed notations",
    "join": "pure join",
    "library": "phonenumbers alone",
    "query": "one query a number",
}

METHOD = (
    "Held: a task's numbers are judged by a request that names it, timed from before it is produced on Kafka to "
    "`task_completed` on the WebSocket. The worker has the version of the prefix data in memory.",
    "Files: from opening one to its result on disk, in the suite's own process; the prefix data is loaded before. "
    "Canonical lines are +1 and ten digits. Of the mixed ones 70 % are in seven usual notations, 10 % with an "
    "extension, 10 % ten bare digits, 5 % of another country, 5 % no number. Numbers are spread over all that ten "
    "digits beginning with 2 to 9 can say.",
    f"Beside them, in turns: phonenumbers alone (parse, is_valid_number, format) over {LIBRARY_LINES:,} of the "
    f"mixed lines; and {QUERIES:,} indexed queries one by one, as a web application validates.",
    "Memory: the peak of a process `numberline validate FILE` (its ru_maxrss), for ten times as many lines over "
    "that for once as many. Measured once.",
    "All times are for one number.",
)


async def measure(bench: Bench) -> Measured:
    """Everything in turn, and again; memory once."""
    lines = bench.sizes.million
    task = await _generated(bench)
    holders = installed_holders(bench.system.settings)
    numbers = np.random.default_rng(1).integers(2_000_000_000, 9_999_999_999, lines)
    times: dict[str, list[float]] = {
        name: [] for name in ("held", "join", "canonical", "mixed", "library", "query")
    }
    with tempfile.TemporaryDirectory(prefix="numberline-bench-") as name:
        directory = Path(name)
        canonical, mixed = _write(directory, numbers)
        some = mixed.read_text().splitlines()[:LIBRARY_LINES]
        async with bench.load.client(USER) as client:
            await _judged(client, task)  # once, so that the worker has read the prefix data
            for _ in range(bench.repeat):
                await bench.system.quiet()
                times["held"].append(await _judged(client, task) / lines)
                times["join"].append(_join(holders, numbers))
                times["canonical"].append(_file(holders, canonical, lines))
                times["mixed"].append(_file(holders, mixed, lines))
                times["library"].append(library_seconds(some) / len(some))
                queried = numbers[:QUERIES].tolist()
                times["query"].append(query_seconds(bench.system.database_url, queried) / len(queried))
                bench.advance()
        once, ten_times = _peak(canonical), _peak(_many(directory, numbers))
    of = {name: tuple(1e6 * seconds for seconds in found) for name, found in times.items()}
    return Measured(
        (
            Figure("held task", "µs", of["held"], lines, goals.VALIDATE_HELD_MICROSECONDS),
            Figure("file, canonical", "µs", of["canonical"], lines, goals.VALIDATE_CANONICAL_MICROSECONDS),
            Figure("file, mixed notations", "µs", of["mixed"], lines, goals.VALIDATE_MIXED_MICROSECONDS),
            Figure("pure join", "µs", of["join"], lines, goals.VALIDATE_JOIN_MICROSECONDS),
            Figure("peak memory, 10 times as many lines", "x", (ten_times / once,), goal=goals.VALIDATE_MEMORY),
            Figure(f"peak memory, {10 * lines:,} lines", "MB", (ten_times * RSS_UNIT / 1e6,)),
            Figure("phonenumbers alone over file, mixed notations", "x", quotients(of["library"], of["mixed"])),
            Figure("one query a number over held task", "x", quotients(of["query"], of["held"])),
            Figure("phonenumbers alone, line by line", "µs", of["library"], LIBRARY_LINES),
            Figure("one query a number", "µs", of["query"], QUERIES),
            *(
                Figure(f"{title}, numbers a second", "/s", tuple(1e6 / each for each in of[name]))
                for name, title in RATES.items()
            ),
        ),
        METHOD,
    )


async def _generated(bench: Bench) -> str:
    async with bench.load.client(USER) as client:
        return (await bench.load.one(client, USER, bench.sizes.million, MORE_AREA_CODES)).task_id


async def _judged(client: Client, task: str) -> float:
    """Seconds to judge a task.  Raises BenchError where it did not complete."""
    request = ValidateRequest(request_id=uuid.uuid4().hex, user_id=USER, task_id=task)
    started = time.perf_counter()
    await client.submit(request)
    ending = await client.ending(task_id(USER, request.request_id), request.request_id)
    if ending["type"] != "task_completed":
        raise BenchError(f"the validation ended by {ending['type']}: {ending.get('error_message')}")
    return time.perf_counter() - started


def _join(holders: Holders, numbers: npt.NDArray[np.int64]) -> float:
    started = time.perf_counter()
    holders.blocks.judge(numbers)
    return (time.perf_counter() - started) / len(numbers)


def _file(holders: Holders, path: Path, lines: int) -> float:
    """Seconds a line.  Raises BenchError where a line is missing."""
    started = time.perf_counter()
    source = Source(str(path))
    counts = judge_file(source, holders, SuppressedNumbers(), f"{path}.out", None, None, lambda: None)
    source.close()
    if counts.total() != lines:
        raise BenchError(f"{counts.total()} of {lines} lines were judged")
    return (time.perf_counter() - started) / lines


def _peak(path: Path) -> int:
    """The most memory of a process that judges a file, in KiB (bytes on macOS)."""
    command = [sys.executable, "-m", "numberline", "validate", str(path), "--out", f"{path}.out"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # so that nobody waits for it again
    if process.returncode:
        raise BenchError(f"numberline validate ended with status {process.returncode}")
    return usage.ru_maxrss


def _write(directory: Path, numbers: npt.NDArray[np.int64]) -> tuple[Path, Path]:
    canonical, mixed = directory / "canonical.txt", directory / "mixed.txt"
    canonical.write_text("".join(f"+1{number}\n" for number in numbers.tolist()))
    mixed.write_text("".join(f"{_notation(at, str(number))}\n" for at, number in enumerate(numbers.tolist())))
    return canonical, mixed


def _many(directory: Path, numbers: npt.NDArray[np.int64]) -> Path:
    path = directory / "many.txt"
    text = "".join(f"+1{number}\n" for number in numbers.tolist())
    with path.open("w") as file:
        for _ in range(10):
            file.write(text)
    return path


def _notation(at: int, digits: str) -> str:
    """The at-th notation of a number, in turn."""
    npa, nxx, line = digits[:3], digits[3:6], digits[6:]
    if at % 20 == 0:
        return f"+44 20 {nxx}1 {line}"
    if at % 20 == 10:
        return f"n/a {at}"
    notations = (
        f"({npa}) {nxx}-{line}",
        f"{npa}-{nxx}-{line}",
        f"+1 {npa} {nxx} {line}",
        f"1-{npa}-{nxx}-{line}",
        f"{npa}.{nxx}.{line}",
        f"{npa} {nxx} {line}",
        f"+1 ({npa}) {nxx}-{line}",
        f"({npa}) {nxx}-{line} ext. {at % 1000}",
        digits,
    )
    return notations[at % 10 - 1]


def _title(sizes: Sizes) -> str:
    return f"verdicts on a held task and on files of {sizes.million:,} numbers"


PART = Part("validation", _title, lambda sizes, repeat: repeat, measure)
