import re
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import encoded, read, smooth_photo
from srgan_hub import Upscaler
from srgan_hub.imaging.io import ImageError
from srgan_hub.imaging.resize import Target
from srgan_hub.inference import batch
from srgan_hub.inference.batch import Done, Job, enlarge_files, plan


@pytest.fixture
def jobs(tmp_path):
    """Five pictures of different sizes, one of them damaged, one no file."""
    made = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        smooth_photo(8 + number, 9).save(path)
        made.append(Job(path, tmp_path / "out" / f"{number}_x4.png", "png"))
    (tmp_path / "2.png").write_bytes(b"damaged")
    content = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").unlink()
    made[3] = made[3]._replace(content=lambda: content)
    return made


def test_all_are_done_in_order_and_the_damaged_one_is_told_of(jobs, tiny_generator):
    upscaler, told = Upscaler(tiny_generator), []
    found = list(enlarge_files(jobs, upscaler, Target(), lambda *what: told.append(what)))
    assert [job for job, _ in found] == jobs
    assert [done.pixels for _, done in found if not isinstance(done, ImageError)] == [16 * 9 * (8 + n) for n in (0, 1, 3, 4)]
    assert str(found[2][1]) == f"{jobs[2].source}: not a readable image"
    assert told[:2] == [(jobs[0], 0, 1), (jobs[0], 1, 1)] and len(told) == 8
    for number in (0, 1, 3, 4):
        expected = upscaler(smooth_photo(8 + number, 9))
        assert np.array_equal(np.asarray(read(jobs[number].target)), np.asarray(expected))


def test_the_next_is_read_and_the_last_is_written_while_one_is_computed(jobs, tiny_generator, monkeypatch):
    """The second picture's enlargement waits until the third is read and the first is written."""
    others = jobs[:2] + jobs[3:]
    read_third, wrote_first = threading.Event(), threading.Event()
    prepare, store = batch.prepare, batch.store

    def preparing(job, *arguments):
        if job is others[2]:
            read_third.set()
        return prepare(job, *arguments)

    def storing(result, job, picture):
        stored = store(result, job, picture)
        if job is others[0]:
            wrote_first.set()
        return stored

    monkeypatch.setattr(batch, "prepare", preparing)
    monkeypatch.setattr(batch, "store", storing)
    upscaler = Upscaler(tiny_generator)
    computing = []

    class Waiting:
        scale = 4

        def __call__(self, image, *arguments, **size):
            computing.append(image)
            if len(computing) == 2:
                assert read_third.wait(10) and wrote_first.wait(10)
            return upscaler(image, *arguments, **size)

    assert len(list(enlarge_files(others, Waiting(), Target()))) == 4


def test_a_picture_that_cannot_be_written_does_not_stop_the_others(jobs, tiny_generator, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1_x4.png").mkdir()  # in the way
    found = dict(enlarge_files(jobs, Upscaler(tiny_generator), Target()))
    assert "cannot be written" in str(found[jobs[1]]) and found[jobs[4]] == Done(16 * 9 * 12, ())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{n}_x4.png" for n in (0, 1, 3, 4)]


def test_content_that_cannot_be_had_is_a_sentence(tmp_path, tiny_generator):
    def away():
        raise OSError("the Hub cannot be reached")

    job = Job(tmp_path / "train-000001", tmp_path / "a.png", "png", away)
    ((_, fault),) = enlarge_files([job], Upscaler(tiny_generator), Target())
    assert "train-000001: not an image that can be enlarged (the Hub cannot be reached)" in str(fault)
    fine = job._replace(content=lambda: encoded(Image.new("L", (3, 2))))
    assert list(enlarge_files([fine], Upscaler(tiny_generator), Target(scale=2))) == [(fine, Done(24, ()))]


@pytest.mark.parametrize(
    ("place", "error", "words"),
    [
        ("PIL.Image.open", MemoryError(), "not enough memory to read it"),
        ("srgan_hub.inference.upscaler.to_image", MemoryError(), "not enough memory for it; .* --format"),
        ("srgan_hub.inference.upscaler.to_image", RuntimeError("std::bad_alloc"), "not enough memory for it"),
        ("PIL.Image.Image.save", ValueError("encoding error 9"), "cannot be written as webp"),
    ],
)
def test_too_little_memory_anywhere_is_a_sentence(jobs, tiny_generator, monkeypatch, place, error, words):
    def fail(*arguments, **keywords):
        raise error

    monkeypatch.setattr(place, fail)
    ((_, found),) = enlarge_files([jobs[0]._replace(format="webp")], Upscaler(tiny_generator), Target())
    assert isinstance(found, ImageError) and re.search(words, str(found))


@pytest.mark.parametrize(("form", "deep"), [("png", True), ("webp", False)])
def test_what_was_computed_with_more_than_8_bits_is_told(tmp_path, tiny_generator, form, deep):
    """A format that holds no more gets a picture that was computed as one of 8 bits."""
    Image.fromarray(np.full((6, 7), 40_000, np.uint16)).save(tmp_path / "a.png")
    ((_, done),) = enlarge_files([Job(tmp_path / "a.png", tmp_path / f"b.{form}", form)], Upscaler(tiny_generator), Target())
    assert done.deep is deep


# Which input becomes which output.


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
    smooth_photo(8, 8).save(folder / ("z" * 251 + ".png"))  # the name of its result is too long, which writing will find
    again = plan([folder], out, "x4", None, False)
    assert (targets(again), again.there, again.faults) == (["b_x4.png", "z" * 251 + "_x4.png"], 1, [])
    assert len(plan([folder], out, "x4", None, True).jobs) == 3


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
    (tmp_path / "empty").mkdir()
    twice = [folder / "a.png", folder / ".." / "in" / "a.png"]
    made = plan([*twice, folder / "gone.png", Path("/dev/null"), tmp_path / "empty"], tmp_path / "out", "x4", None, False)
    assert targets(made) == ["a_x4.png"]
    gone, device, empty = made.faults
    assert "contains no images" in empty
    assert "gone.png: cannot be opened" in gone and "neither a file nor a folder" in device


def test_no_result_overwrites_an_input_or_another_result(folder, tmp_path):
    (tmp_path / "b.jpg").write_bytes((folder / "b.jpg").read_bytes())
    made = plan([folder / "b.jpg", tmp_path / "b.jpg"], tmp_path / "out", "x4", None, False)
    assert len(made.jobs) == 1 and "is already the result of" in made.faults[0]
    same = plan([folder / "a.png"], folder / "a.png", "x4", None, True)
    assert not same.jobs and "would overwrite an input" in same.faults[0]
