"""The classifier of operating companies' names, its rules, and how right it is."""

import pytest

from numberline.prefixes import reference
from pipeline.line_types import Label, LineTypes, Rule, scores, words, wrong
from schemas.requests import LINE_TYPES

RULES = [Rule("Cable & Wireless", "landline", "a name"), Rule("WIRELESS", "wireless", "says so")]


def test_the_first_rule_whose_words_stand_in_the_name_decides() -> None:
    """Whole words, whatever their case and what stands between them; a landline where none does."""
    found = LineTypes(RULES)
    assert found.of("CABLE  &  WIRELESS (ZF)") == "landline"
    assert found.of("ACME-Wireless, L.P.") == "wireless"
    assert found.of("WIRELESSNESS INC") == "landline"
    assert found.rule_for("ACME TEL. CO.") is None
    assert words("T-Mobile USA, Inc.") == " t mobile usa inc "


@pytest.mark.parametrize("rule", [Rule("x", "mobile", ""), Rule("--", "voip", "")])
def test_a_rule_that_is_none_is_refused(rule: Rule) -> None:
    """Another line type, or no word."""
    with pytest.raises(ValueError, match="no rule"):
        LineTypes([rule])


def test_recall_and_precision_are_counted() -> None:
    """By line type; by hand: two of three wireless names found, one landline too many."""
    labels = [
        Label("A WIRELESS", "wireless", False),
        Label("B WIRELESS", "wireless", False),
        Label("C", "wireless", False),
        Label("D", "landline", True),
        Label("E WIRELESS", "voip", True),
    ]
    found = scores(LineTypes(RULES), labels)
    assert (found["wireless"].recall, found["wireless"].precision) == (2 / 3, 2 / 3)
    assert (found["landline"].recall, found["landline"].precision) == (1.0, 0.5)
    assert (found["voip"].recall, found["voip"].precision) == (0.0, 1.0)
    assert [(label.name, said) for label, said in wrong(LineTypes(RULES), labels)] == [
        ("C", "landline"),
        ("E WIRELESS", "wireless"),
    ]


def test_the_shipped_rules_are_right_about_most_labelled_names() -> None:
    """A change of the rules that makes them worse is seen; `numberline prefixes line-types` prints the figures."""
    labels = reference.labels()
    assert len(labels) > 500
    assert len({label.name for label in labels}) == len(labels)
    assert {label.line_type for label in labels} == set(LINE_TYPES)
    found = scores(reference.line_types(), labels)
    for one in LINE_TYPES:
        assert found[one].precision >= 0.9, one
        assert found[one].recall >= 0.85, one
    held_out = scores(reference.line_types(), [label for label in labels if label.held_out])
    assert held_out["wireless"].precision >= 0.9


def test_no_shipped_rule_is_in_vain() -> None:
    """Each decides at least its own words: no earlier rule takes them away."""
    classifier = reference.line_types()
    for rule in classifier._rules:
        assert classifier.of(rule.words) == rule.line_type, rule


def test_the_shipped_area_codes_are_those_of_the_shipped_data() -> None:
    """With the country, states and time zones that its rows have, but for two area codes that these lack."""
    from importlib import resources

    from numberline.prefixes.shipped import SHIPPED, read_rows

    found: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for row in read_rows((resources.files("numberline") / "data" / SHIPPED).read_bytes()):
        countries, states, zones = found.setdefault(row.area_code, (set(), set(), set()))
        for names, name in ((countries, row.country), (states, row.state), (zones, row.timezone)):
            if name:
                names.add(name)
    areas = reference.area_codes()
    assert set(areas) == set(found)
    for code, (countries, states, zones) in found.items():
        if code not in ("483", "837"):
            assert ({areas[code].country}, set(areas[code].states), set(areas[code].timezones)) == (
                countries,
                states,
                zones,
            )
