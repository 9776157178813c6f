"""docs/scaling.md holds what the command says."""

from click.testing import CliRunner

from simulation.cli import BEGIN, DOCUMENT, END, main, with_tables


def test_the_tables_of_the_page_are_those_of_the_command() -> None:
    """Run `python -m simulation tables --write` after a change of the model or of the costs."""
    result = CliRunner().invoke(main, ["tables"])
    assert result.exit_code == 0
    assert f"{BEGIN}\n\n{result.output.strip()}\n\n{END}" in DOCUMENT.read_text()


def test_only_the_tables_are_replaced() -> None:
    """What stands before and after them stays."""
    assert with_tables(f"before\n{BEGIN}\nold\n{END}\nafter", "new\n") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter"


def test_a_cluster_of_ones_own_can_be_asked_about() -> None:
    """With what it carries, and how long small tasks take."""
    arguments = ["cluster", "--workers", "2", "--tasks-a-minute", "60"]
    first, again = (CliRunner().invoke(main, arguments) for _ in range(2))
    assert first.exit_code == 0
    assert "numbers a second; busiest is" in first.output
    assert "60 tasks a minute: those of 100 numbers take p50" in first.output
    assert first.output == again.output


def test_help_has_examples() -> None:
    """A reader needs nothing else."""
    result = CliRunner().invoke(main, ["--help"])
    assert "python -m simulation cluster --workers 8 --databases 2" in result.output
