import pytest
import yaml

from conftest import ROOT
from srgan_hub.card import END, START, fill, with_model_index, with_results


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


def front_matter(card: str) -> dict:
    return yaml.safe_load(card.split("---")[1])


def test_numbers_go_into_the_front_matter_and_replace_only_themselves():
    template = (ROOT / "model_card.md").read_text()
    card = template.replace("license: other\n", "license: other\nmine: [kept, too]\n")
    first = with_model_index(card, "net", 4, {"Set5": {"psnr": ("PSNR-Y", 30.1)}, "Set14": {"psnr": ("PSNR-Y", 27.2)}})
    again = with_model_index(first, "net", 4, {"Set5": {"psnr": ("PSNR-Y", 31.5), "niqe": ("NIQE", 6.2)}})
    assert front_matter(again)["mine"] == ["kept", "too"]
    assert again.split("---", 2)[2] == template.split("---", 2)[2]
    ((name, results),) = [(model["name"], model["results"]) for model in front_matter(again)["model-index"]]
    assert name == "net"
    found = {(r["dataset"]["name"], m["type"]): (m["value"], m["name"]) for r in results for m in r["metrics"]}
    assert found == {("Set5", "psnr"): (31.5, "PSNR-Y"), ("Set5", "niqe"): (6.2, "NIQE"), ("Set14", "psnr"): (27.2, "PSNR-Y")}
    assert {r["task"]["type"] for r in results} == {"image-to-image"}


def test_a_file_without_front_matter_is_left_alone():
    assert with_model_index("# A project\n---\n", "net", 4, {"Set5": {"psnr": ("PSNR-Y", 30.1)}}) == "# A project\n---\n"
