"""The one error of the suite itself; those of what it measures are in embedded.errors and pipeline.errors."""


class BenchError(Exception):
    """The run cannot go on, or its figures count for nothing; `str()` says why."""
