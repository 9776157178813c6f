"""The one error of the suite itself; those of what it kills are in embedded.errors and pipeline.errors."""


class ChaosError(Exception):
    """The run cannot go on; `str()` says why."""
