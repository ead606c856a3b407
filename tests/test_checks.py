"""Checks of values: what they let pass, and what they say."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from anchordiff.checks import (
    BOOLS,
    FLOATS,
    check_array,
    check_choice,
    check_integer,
    check_number,
    check_rules,
)

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


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.25), Fraction(1, 3), np.int64(1)])
def test_numbers_of_any_kind_pass(value):
    assert check_number("rate", value, above=0, most=1) == float(value)


@pytest.mark.parametrize("value", [0, 1.5, True, "1", None, np.nan, np.inf, 10**400, 1j])
def test_what_is_no_number_within_limits_is_refused(value):
    with pytest.raises(ValueError, match="rate must be a finite number of more than 0 and at most 1, found"):
        check_number("rate", value, above=0, most=1)


def test_arrays_come_back_contiguous_and_in_native_order():
    array = check_array("points", np.arange(12, dtype=">f8").reshape(3, 4)[:, ::2], FLOATS, ("n", 2))
    assert array.flags.c_contiguous
    assert array.dtype == np.float64
    assert array.tolist() == [[0, 2], [4, 6], [8, 10]]
    native = np.zeros((2, 2))
    assert check_array("points", native, FLOATS, ("n", 2)) is native


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[True]], r"walls must be a bool array \(2, cols\), found list"),
        (np.ones((2, 3), int), r"walls must be a bool array \(2, cols\), found int64 \(2, 3\)"),
        (np.ones((3, 3), bool), r"walls must be a bool array \(2, cols\), found bool \(3, 3\)"),
        (np.ones(2, object), "found object"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        check_array("walls", value, BOOLS, (2, "cols"))


def test_the_place_of_a_number_that_is_not_finite_is_told():
    with pytest.raises(ValueError, match=r"points must be finite, found nan at \[1, 0\]"):
        check_array("points", np.array([[0.0], [np.nan]]), FLOATS, ("n", 1), finite=True)
