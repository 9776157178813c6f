"""How much each part does: in full, or scaled down to try the suite out."""

from dataclasses import dataclass

SMALL = 100  # numbers of a small task, at any scale
FEWEST_SAMPLES = 3

# area codes of large cities, chosen before anything was measured; the lists share none. A run of all parts gives
# out tens of millions: several lists, so that each has numbers left for all of its parts
MILLION_AREA_CODES = ("212", "213", "305", "312", "404", "415", "617", "713")
MORE_AREA_CODES = ("281", "310", "323", "480", "510", "619", "714", "773")
LATENCY_AREA_CODES = (
    *("202", "206", "214", "216", "303", "314", "407", "410", "412", "503"),
    *("512", "602", "612", "614", "702", "704", "718", "801", "813", "916"),
)
# in pairs: with more room than those above, for parts that give out many millions
WIDE_AREA_CODES = ("346", "347", "469", "470", "657", "929")


@dataclass(frozen=True)
class Sizes:
    """Numbers a task, and samples a repetition."""

    million: int
    middle: int
    samples: int
    latency_area_codes: tuple[str, ...]
    memory_tasks: int
    crowd_tasks: int
    most_workers: int
    pure_rounds: int
    connections: int
    messages: int
    slow_messages: int
    suppressed: int
    peers: tuple[int, int, int]

    @classmethod
    def scaled(cls, scale: float) -> "Sizes":
        """The sizes of a full run times `scale`, above 0 and at most 1."""

        def some(full: int, fewest: int) -> int:
            return max(fewest, round(full * scale))

        return cls(
            million=some(1_000_000, SMALL),
            middle=some(10_000, SMALL),
            samples=some(100, FEWEST_SAMPLES),
            latency_area_codes=LATENCY_AREA_CODES[: some(len(LATENCY_AREA_CODES), 2)],
            memory_tasks=some(10, 2),
            crowd_tasks=some(10, 2),
            most_workers=some(4, 2),
            pure_rounds=some(200, FEWEST_SAMPLES),
            connections=some(1_000, 10),
            messages=some(200, 20),
            slow_messages=some(2_000, 40),
            suppressed=some(10_000_000, 1_000),
            peers=(some(1_000_000, 3 * SMALL), some(100_000, 2 * SMALL), some(10_000, SMALL)),
        )
