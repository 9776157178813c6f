"""The line type of an operating company, from its name: no official file has it.

The rules are data (numberline/data/line_types.csv), read from the top: the first whose words stand in the name, one
after the other and as whole words, decides; what none decides is a landline. How often that is right is measured
against names whose line type is known (numberline/data/line_type_labels.csv).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.requests import LINE_TYPES

DEFAULT = "landline"

_BETWEEN_WORDS = re.compile(r"[^a-z0-9&]+")


@dataclass(frozen=True)
class Rule:
    """Names with these words, as `words` makes them, have this line type. because: the reason, for readers."""

    words: str
    line_type: str
    because: str


def words(name: str) -> str:
    """A name or a rule's words as they are compared: small letters, one space around each word."""
    folded = name.casefold().replace("'", "")
    return f" {_BETWEEN_WORDS.sub(' ', folded).strip()} "


class LineTypes:
    """Classifies names by rules.  Raises ValueError for rules that are none."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(Rule(words(rule.words), rule.line_type, rule.because) for rule in rules)
        for rule in self._rules:
            if rule.line_type not in LINE_TYPES or not rule.words.strip():
                raise ValueError(f"no rule: {rule}")
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The line type of a company."""
        if (found := self._known.get(name)) is None:
            rule = self.rule_for(name)
            found = self._known[name] = rule.line_type if rule else DEFAULT
        return found

    def rule_for(self, name: str) -> Rule | None:
        """The rule that decides a name; None where it is a landline for want of one."""
        folded = words(name)
        return next((rule for rule in self._rules if rule.words in folded), None)


@dataclass(frozen=True)
class Label:
    """A company whose line type is known. held_out: no rule is made or mended for it."""

    name: str
    line_type: str
    held_out: bool


@dataclass(frozen=True)
class Score:
    """Of one line type: names labelled so, names classified so, and names that are both."""

    labelled: int
    classified: int
    both: int

    @property
    def recall(self) -> float:
        """Of the names that have the line type, the part that is found; 1 where there are none."""
        return self.both / self.labelled if self.labelled else 1.0

    @property
    def precision(self) -> float:
        """Of the names that are given the line type, the part that has it; 1 where there are none."""
        return self.both / self.classified if self.classified else 1.0


def scores(line_types: LineTypes, labels: Sequence[Label]) -> Mapping[str, Score]:
    """How right the classifier is about these names, by line type."""
    pairs = Counter((label.line_type, line_types.of(label.name)) for label in labels)
    return {
        one: Score(
            labelled=sum(count for (is_, _), count in pairs.items() if is_ == one),
            classified=sum(count for (_, said), count in pairs.items() if said == one),
            both=pairs[one, one],
        )
        for one in LINE_TYPES
    }


def wrong(line_types: LineTypes, labels: Sequence[Label]) -> list[tuple[Label, str]]:
    """The names that the classifier gives another line type than they have, and which."""
    return [(label, said) for label in labels if (said := line_types.of(label.name)) != label.line_type]
