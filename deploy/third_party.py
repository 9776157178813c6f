"""Writes THIRD-PARTY.md: each locked package with the licence that its metadata states, and each jar with its own.

python -m deploy.third_party       tests/packaging/test_third_party.py fails while the page is stale
"""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from embedded.jars import Jar, read_lock

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "THIRD-PARTY.md"
LOCKED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)

# packages for other systems, which are in the lock and not installed here; read from their pages
ELSEWHERE = {"colorama": "BSD-3-Clause"}
# group of jars -> licence, as their poms state it; a jar itself seldom does
JARS = {
    "at.yawk.lz4": "Apache-2.0",
    "com.dynatrace.hash4j": "Apache-2.0",
    "com.fasterxml.jackson.core": "Apache-2.0",
    "com.fasterxml.jackson.dataformat": "Apache-2.0",
    "com.github.ben-manes.caffeine": "Apache-2.0",
    "com.github.luben": "BSD-2-Clause",
    "com.google.re2j": "BSD-3-Clause",  # there called the Go License
    "com.typesafe.scala-logging": "Apache-2.0",
    "com.yammer.metrics": "Apache-2.0",
    "commons-validator": "Apache-2.0",
    "net.sf.jopt-simple": "MIT",
    "net.sourceforge.argparse4j": "MIT",
    "org.apache.kafka": "Apache-2.0",
    "org.apache.logging.log4j": "Apache-2.0",
    "org.hdrhistogram": "BSD-2-Clause",
    "org.pcollections": "MIT",
    "org.scala-lang": "Apache-2.0",
    "org.slf4j": "MIT",
    "org.xerial.snappy": "Apache-2.0",
}
JAR_LOCKS = ("embedded/kafka.lock", "tests/operations/kafka-tools.lock")
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
The peers and the plots of the benchmarks have environments of their own (`bench/peers/`, `bench/plots/`), which are
made when they run and are no part of numberline.

| package | version | runs | licence |
| --- | --- | --- | --- |
"""


JARS_HEAD = """
## Jars

`numberline up` downloads Apache Kafka and its libraries, the jars of `embedded/kafka.lock`; a test its
tools, those of `tests/operations/kafka-tools.lock`. Neither is in the image or the wheel.

| jar | version | lock | licence |
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


def jars() -> list[tuple[Jar, str]]:
    """Every jar, and the lock that names it."""
    return [(jar, lock) for lock in JAR_LOCKS for jar in read_lock(ROOT / lock)]


def page() -> str:
    """THIRD-PARTY.md."""
    runs = locked("deploy/requirements.lock")
    rows = [
        f"| {package} | {version} | {'yes' if package in runs else ''} | {licence(package)} |"
        for package, version in locked("requirements.lock").items()
    ]
    of_jars = [f"| {jar.artifact} | {jar.version} | `{lock}` | {JARS[jar.group]} |" for jar, lock in jars()]
    head = HEAD.format(lock="`deploy/requirements.lock`")
    return "\n".join([head + "\n".join(rows), JARS_HEAD + "\n".join(of_jars)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
