import pytest

from srgan_hub.card import END, START, fill, with_results


def test_every_placeholder_is_filled():
    assert fill("# {name}\n{name}: {value} `{}`", name="a", value="{name}") == "# a\na: {name} `{}`"
    with pytest.raises(KeyError, match="value"):
        fill("{value}")


def test_results_replace_results_and_nothing_else():
    card = f"mine\n{START}\nold\n{END}\nmine too\n"
    once = with_results(card, "new")
    assert once == f"mine\n{START}\n\nnew\n\n{END}\nmine too\n"
    assert with_results(once, "new") == once


def test_card_without_a_place_is_refused():
    with pytest.raises(ValueError, match="no place for results"):
        with_results("mine", "new")
