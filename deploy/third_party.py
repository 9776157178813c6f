"""Writes THIRD-PARTY.md: every package of requirements.lock with its licence, as its own metadata states it.

python -m deploy.third_party       tests/packaging/test_third_party.py fails while the page is stale
"""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "THIRD-PARTY.md"
LOCKED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)

# packages for other systems, which are in the lock and not installed here; read from their pages
ELSEWHERE = {"colorama": "BSD-3-Clause"}
# the short names of the classifiers of PyPI
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}

HEAD = """<!-- Written by `python -m deploy.third_party`: run it again after a change of requirements.lock. -->
# Third-party packages

Every package that `requirements.lock` pins, with the licence that its own metadata states. "Runs": it is in the
image as well ({lock}); the others are the embedded servers' or tools of development and tests.
`numberline up` also downloads Apache Kafka (Apache-2.0) and its libraries, the jars of `embedded/kafka.lock`;
a test its tools, those of `tests/operations/kafka-tools.lock`. Kafka's own LICENSE and NOTICE name theirs.

| package | version | runs | licence |
| --- | --- | --- | --- |
"""


def locked(path: str) -> dict[str, str]:
    """Package -> version of a lock file."""
    return dict(LOCKED.findall((ROOT / path).read_text()))


def licence(package: str) -> str:
    """Of a package, as an SPDX expression where it states one.  Raises LookupError where it states nothing."""
    try:
        said = metadata(package)
    except PackageNotFoundError:
        if package not in ELSEWHERE:
            raise LookupError(
                f"{package} is not installed here: read its licence, and add it to ELSEWHERE"
            ) from None
        return ELSEWHERE[package]
    if "License-Expression" in said:
        return said["License-Expression"]
    named = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier", []) if one.startswith("License ::")]
    if short := " OR ".join(CLASSIFIERS.get(one, one) for one in named if one != "OSI Approved"):
        return short
    if "License" in said and "\n" not in said["License"]:
        return said["License"]
    raise LookupError(f"{package} states no licence: read its licence file")


def page() -> str:
    """THIRD-PARTY.md."""
    runs = locked("deploy/requirements.lock")
    rows = [
        f"| {package} | {version} | {'yes' if package in runs else ''} | {licence(package)} |"
        for package, version in locked("requirements.lock").items()
    ]
    return HEAD.format(lock="`deploy/requirements.lock`") + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
