from pathlib import Path

import pytest

from conftest import smooth_photo
from srgan_hub.imaging.io import ImageError
from srgan_hub.inference.batch import plan


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.jpg", "._b.jpg"):
        smooth_photo(8, 8).save(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return tmp_path / "in"


def targets(made) -> list[str]:
    return [job.target.name for job in made.jobs]


def test_a_folder_becomes_a_folder_and_what_is_there_is_not_done_again(folder, tmp_path):
    out = tmp_path / "out"
    assert targets(plan([folder], out, "x4", None, False)) == ["a_x4.png", "b_x4.png"]
    out.mkdir()
    (out / "a_x4.png").touch()
    again = plan([folder], out, "x4", None, False)
    assert (targets(again), again.there, again.faults) == (["b_x4.png"], 1, [])
    assert len(plan([folder], out, "x4", None, True).jobs) == 2


def test_results_in_the_folder_itself_are_no_input(folder):
    (folder / "a_x4.png").touch()
    made = plan([folder], folder, "x4", "jpg", False)
    assert targets(made) == ["a_x4.jpg", "b_x4.jpg"]


def test_a_name_with_a_suffix_is_that_file(folder, tmp_path):
    (job,) = plan([folder / "a.png"], tmp_path / "large.JPEG", "x4", None, False).jobs
    assert (job.target, job.format) == (tmp_path / "large.JPEG", "jpg")
    with pytest.raises(ImageError, match=r"cannot write \.bmp"):
        plan([folder / "a.png"], tmp_path / "large.bmp", "x4", None, False)
    with pytest.raises(ImageError, match="the name says jpg, --format says png"):
        plan([folder / "a.png"], tmp_path / "large.jpg", "x4", "png", False)
    with pytest.raises(ImageError, match="several images need one"):
        plan([folder], tmp_path / "large.jpg", "x4", None, False)


def test_each_fault_is_a_sentence_and_the_rest_is_done(folder, tmp_path):
    made = plan([folder / "a.png", folder / "gone.png", Path("/dev/null")], tmp_path / "out", "x4", None, False)
    assert targets(made) == ["a_x4.png"]
    assert [fault.partition(": ")[2] for fault in made.faults] == [
        "there is no such file or folder", "is neither a file nor a folder",
    ]  # fmt: skip


def test_no_result_overwrites_an_input_or_another_result(folder, tmp_path):
    (tmp_path / "b.jpg").write_bytes((folder / "b.jpg").read_bytes())
    made = plan([folder / "b.jpg", tmp_path / "b.jpg"], tmp_path / "out", "x4", None, False)
    assert len(made.jobs) == 1 and "is already the result of" in made.faults[0]
    same = plan([folder / "a.png"], folder / "a.png", "x4", None, True)
    assert not same.jobs and "would overwrite an input" in same.faults[0]
