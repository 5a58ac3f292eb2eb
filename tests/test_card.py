import pytest
import yaml
from huggingface_hub import ModelCard

from srgan_hub.hub.card import EARLIER, RESULTS, TRAINING, USE, block, merged, new_card, with_block, with_model_index


def test_a_block_is_replaced_and_nothing_else():
    start, end = RESULTS
    card = f"mine\n{start}\nold\n{end}\nmine too\n"
    once = with_block(card, RESULTS, "new")
    assert once == f"mine\n{start}\n\nnew\n\n{end}\nmine too\n"
    assert with_block(once, RESULTS, "new") == once
    assert block(once, RESULTS) == "new"


def front_matter(card: str) -> dict:
    return yaml.safe_load(card.split("---")[1])


def numbers(card: str) -> dict:
    """{(set, metric): value} of the only model of a card's model-index."""
    (model,) = front_matter(card)["model-index"]
    return {(r["dataset"]["name"], m["type"]): m["value"] for r in model["results"] for m in r["metrics"]}


def card(date="2026-01-02", weights="w", name="net", text="", **sets) -> str:
    """A card that measured these sets: psnr alone, or {metric: value}."""
    new = new_card(name, f"user/{name}", 4, "width 4")
    tables = "\n\n".join(f"### {one}\n\n1 images.\n\n| net | {value} |" for one, value in sets.items())
    measured = {
        one: {metric: (metric, number) for metric, number in (value if isinstance(value, dict) else {"psnr": value}).items()}
        for one, value in sets.items()
    }
    new = new.replace("# net", f"# net\n{text}")
    if not sets:
        return new
    return with_model_index(with_block(new, RESULTS, f"protocol of {date}\n\n{tables}"), name, 4, measured, date, weights)


def test_new_card_says_what_it_must():
    made = new_card("net", "user/net", 2, "scale 2", datasets=("user/photos",), base_model="user/base")
    front = front_matter(made)
    assert front["license"] == "other" and front["library_name"] == "srgan_hub" and front["pipeline_tag"] == "image-to-image"
    assert front["datasets"] == ["user/photos"] and front["base_model"] == "user/base"
    assert {"super-resolution", "srgan"} <= set(front["tags"])
    assert 'from_pretrained("user/net")' in made and "photo_x2.png" in made
    assert "not stated" in made and "@inproceedings{ledig2017photo," in made
    assert "datasets" not in front_matter(new_card("net", "user/net", 2, "scale 2"))


def test_numbers_go_into_the_front_matter_and_replace_only_themselves():
    template = card().replace("license: other\n", "license: other\nmine: [kept, too]\n")
    first = with_model_index(
        template, "net", 4, {"Set5": {"psnr": ("PSNR-Y", 30.1)}, "Set14": {"psnr": ("PSNR-Y", 27.2)}}, "2026-01-01", "w"
    )
    more = {"Set5": {"psnr": ("PSNR-Y", 31.5), "niqe": ("NIQE", 6.2)}}
    again = with_model_index(first, "net", 4, more, "2026-01-02", "v")
    assert front_matter(again)["mine"] == ["kept", "too"]
    assert again.split("---", 2)[2] == template.split("---", 2)[2]
    assert numbers(again) == {("Set5", "psnr"): 31.5, ("Set5", "niqe"): 6.2, ("Set14", "psnr"): 27.2}
    assert {r["task"]["type"] for r in front_matter(again)["model-index"][0]["results"]} == {"image-to-image"}
    assert ModelCard(again).data.eval_results, "huggingface_hub reads it"


def test_merging_a_card_with_itself_changes_nothing():
    mine = card(Set5=30.1, text="words")
    assert merged(mine, mine) == mine


def test_the_newer_numbers_are_shown_and_none_is_dropped():
    old = card("2026-02-01", "v", Set5={"psnr": 29.0, "lpips": 0.1}, Set14=27.0, BSD100=26.0)
    new = card("2026-03-01", "w", Set5=30.0, Urban=24.0)
    found = merged(new, old)
    psnr = {"Set5": 30.0, "Set14": 27.0, "BSD100": 26.0, "Urban": 24.0}
    assert numbers(found) == {("Set5", "lpips"): 0.1} | {(name, "psnr"): value for name, value in psnr.items()}
    text = block(found, RESULTS)
    assert "protocol of 2026-03-01" in text
    assert "| net | 30.0 |" in text and "29.0" not in text
    assert text.count(EARLIER) == 2, "of Set14 and BSD100"
    assert merged(new, found) == found
    unmeasured = block(merged(card(), old), RESULTS)
    assert "protocol of 2026-02-01" in unmeasured and unmeasured.count(EARLIER) == 3


def test_what_the_owner_wrote_stays():
    old = card(text="The owner's words.", Set5=30.0)
    old = old.replace("license: other", "license: cc-by-4.0\nthumbnail: cat.png").replace("- srgan\n", "- srgan\n- cats\n")
    new = card(text="Other words.")
    found = merged(new.replace("user/net", "user/else"), old)
    assert "The owner's words." in found and "Other words." not in found
    assert 'from_pretrained("user/else")' in block(found, USE)
    front = front_matter(found)
    assert (front["license"], front["thumbnail"]) == ("cc-by-4.0", "cat.png")
    assert {"cats", "srgan"} <= set(front["tags"])
    assert numbers(found) == {("Set5", "psnr"): 30.0} and "| net | 30.0 |" in found


def test_a_block_that_the_owner_took_out_stays_out_and_a_strange_card_gets_all():
    old = card(text="words")
    without = old[: old.index(USE[0])] + old[old.index(USE[1]) + len(USE[1]) :]
    assert block(merged(card(), without), USE) is None
    strange = merged(card(Set5=30.0), "# Another library's card\n")
    assert strange.count("# Another library's card") == 1
    assert block(strange, USE) and "30.0" in block(strange, RESULTS)
    assert front_matter(strange)["library_name"] == "srgan_hub"


def index(*entries: str) -> str:
    return "---\nmodel-index:\n" + "\n".join(entries) + "\n---\n# net\n"


def entry(name, value, metric="psnr", task="super-resolution x4", label="PSNR-Y"):
    return (
        f"- name: {name}\n  results:\n  - task: {{type: image-to-image, name: {task}}}\n    dataset: {{type: set5, name: Set5}}\n"
        f"    metrics: [{{type: {metric}, value: {value}, name: {label}}}]"
    )


def test_numbers_of_other_models_scales_and_forms_are_others():
    mine = card(Set5=30.0, name="net")
    for other in (entry("SwinIR", 32.7), entry("net", 37.1, task="super-resolution x2"), entry("net", 28.9, label="PSNR-RGB")):
        found = front_matter(merged(mine, index(other, entry("third", 1.0))))["model-index"]
        values = [m["value"] for model in found for result in model["results"] for m in result["metrics"]]
        assert len(values) == 3 and {30.0, 1.0} < set(values), other


@pytest.mark.parametrize("text", ["".join(RESULTS) + RESULTS[0], RESULTS[0] + "".join(RESULTS), 2 * "".join(RESULTS)])
def test_no_block_is_written_where_its_end_is_in_doubt(text):
    with pytest.raises(ValueError, match="mend"):
        with_block(f"{text}\nThe owner's words.", RESULTS, "new")


def test_a_license_of_the_owner_keeps_its_name_and_known_training_stays():
    front = front_matter(merged(card(), "---\nlicense: mit\nmine: 1\n---\n# net\n"))
    assert (front["license"], front["mine"]) == ("mit", 1) and "license_name" not in front
    old = with_block(card(), TRAINING, "100 updates")
    assert block(merged(card(), old), TRAINING) == "100 updates"
    assert block(merged(with_block(card(), TRAINING, "200 updates"), old), TRAINING) == "200 updates"


def test_front_matter_that_is_no_yaml_is_refused():
    with pytest.raises(ValueError, match="no YAML"):
        merged(card(), "---\na: [\n---\n")


def test_a_file_without_front_matter_is_left_alone():
    page = "# A project\n---\n"
    assert with_model_index(page, "net", 4, {"Set5": {"psnr": ("PSNR-Y", 30.1)}}, "2026-01-01", "w") == page
