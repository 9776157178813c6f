"""The command: what it refuses before it starts anything."""

import pytest
from click.testing import CliRunner

from bench.cli import NAMES, bench
from bench.parts import PARTS
from bench.sizes import LATENCY_AREA_CODES, MILLION_AREA_CODES, WIDE_AREA_CODES, Sizes


def test_help_shows_every_part_and_examples() -> None:
    """A reader needs nothing else to run it."""
    result = CliRunner().invoke(bench, ["--help"])
    assert result.exit_code == 0
    assert "python -m bench --part latency" in result.output
    assert all(name in result.output for name in NAMES)


@pytest.mark.parametrize("arguments", [["--part", "pure"], ["--scale", "0.5"]])
def test_a_trial_does_not_replace_the_results_of_a_full_run(arguments: list[str]) -> None:
    """Without --out it is refused."""
    result = CliRunner().invoke(bench, arguments)
    assert result.exit_code == 2
    assert "only a run of all parts in full replaces docs/benchmarks: give another --out" in result.output


@pytest.mark.parametrize("arguments", [["--part", "none"], ["--repeat", "0"], ["--scale", "0"], ["--scale", "2"]])
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    """With click's own words."""
    assert CliRunner().invoke(bench, arguments).exit_code == 2


def test_the_full_sizes_are_those_of_the_goals() -> None:
    """A million, ten thousand, a hundred samples, ten tasks of a million."""
    sizes = Sizes.scaled(1)
    assert (sizes.million, sizes.middle, sizes.samples, sizes.memory_tasks) == (1_000_000, 10_000, 100, 10)
    assert sizes.latency_area_codes == LATENCY_AREA_CODES
    assert len(MILLION_AREA_CODES) == 8


def test_parts_measure_on_area_codes_that_others_have_not_touched() -> None:
    """Else the first touch of an area code would be no first one."""
    codes = (*MILLION_AREA_CODES, *LATENCY_AREA_CODES, *WIDE_AREA_CODES)
    assert len(set(codes)) == len(codes)
    assert len({part.name for part in PARTS}) == len(PARTS)
