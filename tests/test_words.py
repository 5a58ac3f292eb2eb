from pathlib import Path

from PIL import Image

from srgan_hub.ui import words
from srgan_hub.ui.enlarge import Result, Step
from srgan_hub.ui.view import Doubts

RESULT = Result(Path("a_x4.png"), (40, 28), (40, 28), (160, 112), 1, 1.25, "OpenVINO", False, [], False, [])


def test_numbers_of_a_result():
    said = words.facts(RESULT, 1_500_000)
    for part in ("40×28 → 160×112 pixels", "a_x4.png, 1.5 MB", "1.2 s", "OpenVINO"):
        assert part in said
    assert "Colour profile" not in said
    assert "GPS" not in said


def test_what_was_kept_removed_or_cut_is_said():
    said = words.facts(RESULT._replace(profile=True, lost=["first frame only"], located=True, taken=(20, 14)), 1)
    assert "first frame only" in said and "Losses" not in words.facts(RESULT, 1)
    assert "Colour profile</th><td>kept" in said
    assert "removed from the enlarged file" in said
    assert "20×14" in said


def test_names_of_files_cannot_be_markup():
    bad = "<img src=x onerror=alert(1)>"
    result = RESULT._replace(file=Path(bad + ".zip"), count=2, faults=[f"{bad}: not a picture."])
    for said in (words.facts(result, 1), words.progress(Step(bad, 0.5)), words.said(bad), words.names(bad, bad, (1, 1))):
        assert "<img" not in said
        assert "&lt;img" in said


def test_progress_is_told_to_screen_readers():
    assert 'role="status"' in words.progress(Step("tile 1 of 2", 0.5))
    assert 'value="0.500"' in words.progress(Step("tile 1 of 2", 0.5))


def test_doubts_in_words():
    map_ = Image.new("RGB", (4, 4))
    said = words.doubted(Doubts(map_, map_, 2.25, 0.125, 1.5, weak=False))
    for part in ("not evidence", "2.2 grey levels", "12% of the region", "1.5 grey levels"):
        assert part in said
    assert "no faithful partner" in words.doubted(Doubts(None, map_, 0, 0, 1.5, weak=True))
    assert "weak sign" in words.doubted(Doubts(map_, map_, 2.25, 0.125, 1.5, weak=True))
    assert "weak sign" not in said
