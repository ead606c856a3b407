"""Checks of values: what they let pass, and what they say."""

from types import SimpleNamespace

import numpy as np
import pytest

from anchordiff.checks import check_choice, check_integer, check_rules

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(2)])
def test_integers_of_any_kind_pass(value):
    check_integer("count", value, most=7)


@pytest.mark.parametrize("value", [0, True, 2.0, "2", None, np.float32(2), np.True_])
def test_what_is_no_integer_in_range_is_refused(value):
    with pytest.raises(ValueError, match=r"count must be an integer of at least 1, found"):
        check_integer("count", value)


def test_the_limit_is_named():
    with pytest.raises(ValueError, match="count must be at most horizon = 4, found 5"):
        check_integer("count", 5, most=4, most_is="horizon")


def test_choices():
    check_choice("kind", "b", ("a", "b"))
    with pytest.raises(ValueError, match="kind must be one of 'a', 'b', found 'c'"):
        check_choice("kind", "c", ("a", "b"))


def test_the_first_broken_rule_is_told():
    config = SimpleNamespace(rate=0.5, size=-1, depth=0)
    rules = {
        "rate": (True, "lie in [0, 1]"),
        "size": (False, "not be negative"),
        "depth": (False, "be at least 1"),
    }
    with pytest.raises(ValueError, match="size must not be negative, found -1"):
        check_rules(config, rules)
    check_rules(config, {"rate": (True, "lie in [0, 1]")})
