import numpy as np

from srgan_hub.ui.enlarge import Result
from srgan_hub.ui.enlarge_tab import facts
from srgan_hub.ui.run import said
from srgan_hub.ui.view import doubted
from srgan_hub.ui.view_panel import names


def result(folder, name="a_x4.png", **facts):
    (folder / name).write_bytes(bytes(1_500_000))
    usual = Result(folder / name, (40, 28), (40, 28), (160, 112), 1, 1.25, "OpenVINO", False, [], [])
    return usual._replace(**facts)


def test_numbers_of_a_result_and_what_was_kept_or_cut(tmp_path):
    plain = facts(result(tmp_path))
    for part in ("40×28 → 160×112 pixels", "a_x4.png, 1.5 MB", "1.2 s", "OpenVINO"):
        assert part in plain
    said = facts(result(tmp_path, profile=True, lost=["first frame only"], taken=(20, 14)))
    for part in ("first frame only", "Color profile", "20×14"):
        assert part in said and part not in plain


def test_names_of_files_cannot_be_markup(tmp_path):
    bad = "<img src=x onerror=alert(1)>"
    told = facts(result(tmp_path, f"{bad}.zip", count=2, faults=[f"{bad}: not a picture."]))
    for text in (told, said(bad, 0.5), said(bad), names(bad, bad, (1, 1))):
        assert "<img" not in text
        assert "&lt;img" in text


def test_doubts_in_words():
    beyond, changed = np.array([[0, 0, 0, 9]]), np.array([[1, 2]])
    said = doubted(beyond, changed, quick=False)
    for part in ("not evidence", "2.2 gray levels", "25% of the region", "1.5 gray levels"):
        assert part in said
    assert "no faithful partner" in doubted(None, changed, quick=True)
    assert "weak sign" in doubted(beyond, changed, quick=True) and "weak sign" not in said
