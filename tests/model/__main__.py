"""More walks than a test has time for.

python -m tests.model --runs 1000000            all rules: must find nothing
python -m tests.model --without drain           a trace of what goes wrong without a rule
"""

import argparse
import multiprocessing
import sys
from dataclasses import fields, replace

from tests.model.explore import Findings, report, search
from tests.model.scenario import Rules


def main() -> int:
    """Exit status 1 if a violation was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--without", choices=[rule.name for rule in fields(Rules)])
    args = parser.parse_args()
    rules = replace(Rules(), **{args.without: False}) if args.without else Rules()
    jobs = [(rules, args.seed + 1000 * i, args.runs // args.processes) for i in range(args.processes)]
    findings = Findings()
    with multiprocessing.Pool(args.processes) as pool:
        for part in pool.starmap(search, jobs):
            findings.counts += part.counts
            findings.actions += part.actions
            findings.ends += part.ends
            findings.shortest = {**part.shortest, **findings.shortest}
    sys.stdout.write(f"{args.runs} walks: {dict(findings.actions)}\nheard: {dict(findings.ends)}\n")
    sys.stdout.write(report(rules, findings) or "no violation")
    sys.stdout.write("\n")
    return bool(findings.counts)


if __name__ == "__main__":
    raise SystemExit(main())
