"""The collector rests while a version is made, and goes on afterwards whatever happened."""

import gc

import pytest

from numberline.prefixes.heap import uncollected


@uncollected()
def fails() -> None:
    """What a version is made by may be refused; it uses others that rest as well."""
    with uncollected():
        assert not gc.isenabled()
    assert not gc.isenabled()
    raise RuntimeError("refused")


def test_it_goes_on_after_a_failure() -> None:
    """At the end of the outermost use."""
    assert gc.isenabled()
    with pytest.raises(RuntimeError, match="refused"):
        fails()
    assert gc.isenabled()


def test_who_has_stopped_it_finds_it_stopped() -> None:
    """A worker does until it has started."""
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
