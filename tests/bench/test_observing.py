"""What metrics and spans cost: the measurement runs."""

from click.testing import CliRunner

from bench.observing import main


def test_every_kind_is_measured() -> None:
    """Beside the one that counts nothing."""
    done = CliRunner().invoke(main, ["--records", "3", "--repeat", "1"])
    assert done.exit_code == 0, done.output
    assert [line[:18].strip() for line in done.output.splitlines()] == ["nothing", "metrics", "metrics and spans"]
