import json
import os
import resource
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from conftest import read, smooth_photo
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.cli import main
from srgan_hub.hub.card import RESULTS


@pytest.fixture
def model(tmp_path):
    generator = SRGANGenerator(width=4, blocks=1)
    generator.initialize()
    generator.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    smooth_photo(20, 12, seed=1).save(folder / "a.jpg")
    smooth_photo(9, 14, seed=2).save(folder / "b.png")
    return folder


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_folder_becomes_a_folder(model, pictures, tmp_path, capsys):
    assert main(["upscale", str(pictures), "-o", str(tmp_path / "out"), "--model", model]) == 0
    assert files(tmp_path / "out") == ["a_x4.png", "b_x4.png"]
    assert read(tmp_path / "out" / "a_x4.png").size == (80, 48)
    expected = Upscaler.from_pretrained(model)(read(pictures / "b.png"))
    assert np.array_equal(np.asarray(read(tmp_path / "out" / "b_x4.png")), np.asarray(expected))
    assert "2 enlarged x4" in (printed := capsys.readouterr().out)
    assert "megapixels/s" in printed


@pytest.mark.parametrize(("name", "format"), [("out.png", "PNG"), ("out.webp", "WEBP"), ("new/out.jpg", "JPEG")])
def test_one_picture_becomes_the_named_file_with_its_profile(model, tmp_path, name, format):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    smooth_photo(9, 9).save(tmp_path / "a.png", icc_profile=profile)
    assert main(["upscale", str(tmp_path / "a.png"), "-o", str(tmp_path / name), "--model", model]) == 0
    result = read(tmp_path / name)
    assert result.format == format and result.info["icc_profile"] == profile
    if format != "JPEG":
        assert np.array_equal(np.asarray(result), np.asarray(Upscaler.from_pretrained(model)(smooth_photo(9, 9))))


def test_other_sizes_are_in_the_names(model, pictures, tmp_path, capsys):
    command = ["upscale", str(pictures / "a.jpg"), "--model", model, "-o", str(tmp_path / "out")]
    assert main([*command, "--scale", "1.5"]) == main([*command, "--to", "70"]) == 0
    assert read(tmp_path / "out" / "a_x1.5.png").size == (30, 18) and read(tmp_path / "out" / "a_70.png").size == (70, 42)
    assert main([*command, "--to", "1000"]) == 2
    assert "choose 20 to 80" in capsys.readouterr().err


def test_bad_files_get_one_line_and_the_others_are_done(model, pictures, tmp_path, capsys):
    (pictures / "broken.png").write_bytes((pictures / "b.png").read_bytes()[:200])
    (pictures / "text.jpg").write_text("not a picture")
    status = main(["upscale", str(pictures), str(tmp_path / "gone.png"), "-o", str(tmp_path / "out"), "--model", model])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("srgan-hub:")]
    assert status == 2
    assert len(lines) == 3
    assert all(sum(name in line for line in lines) == 1 for name in ("broken.png", "text.jpg", "gone.png"))
    assert files(tmp_path / "out") == ["a_x4.png", "b_x4.png"]  # and nothing half-written


def test_nothing_is_overwritten_without_force(model, pictures, tmp_path, capsys):
    target = tmp_path / "o.png"
    target.write_text("mine")
    assert main(["upscale", str(pictures / "a.jpg"), "-o", str(target), "--model", model]) == 2
    assert target.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["upscale", str(pictures / "a.jpg"), "-o", str(target), "--model", model, "--force"]) == 0
    assert read(target).size == (80, 48)


@pytest.mark.parametrize("arguments", [["--help"], ["upscale", "--help"], ["dataset", "push", "--help"]])
def test_help_is_there(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert "usage: srgan-hub" in capsys.readouterr().out


def test_benchmark_prints_and_writes_what_it_measured(model, tmp_path, capsys):
    for kind, size in (("HR", 96), ("LR_x4", 24)):
        (tmp_path / "sets" / "Mine" / kind).mkdir(parents=True)
        smooth_photo(96, 96).resize((size, size), Image.Resampling.BICUBIC).save(tmp_path / "sets" / "Mine" / kind / "a.png")
    card = tmp_path / "model" / "README.md"
    card.write_text(f"---\nlicense: mit\n---\nmine\n{RESULTS[0]}\n{RESULTS[1]}\n")
    command = ["benchmark", "--data", str(tmp_path / "sets"), "--models", "bicubic", model]
    command += ["--write-card", model, "--json", str(tmp_path / "report.json")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    results = json.loads((tmp_path / "report.json").read_text())["sets"]["Mine"]["results"]
    assert results.keys() == {"bicubic", "model"}
    row = f"| model | {results['model']['images'][0]['psnr']:.2f} | {results['model']['images'][0]['ssim']:.4f} |"
    assert row in printed
    assert row in card.read_text()
    assert "license: mit\n" in card.read_text() and "\nmine\n" in card.read_text()
    assert f"value: {results['model']['mean']['psnr']:.2f}\n" in card.read_text()


def test_benchmark_looks_for_its_places_first(model, tmp_path, capsys):
    (tmp_path / "notes.md").write_text("no place")
    (tmp_path / "model" / "README.md").write_text(f"{RESULTS[0]}\n{RESULTS[1]}\n")
    for option, sentence in (
        (["--write-card", str(tmp_path / "notes.md")], "mend that first"),
        (["--json", str(tmp_path / "notes.md" / "r.json")], "File exists"),
        (["--models", "bicubic", "--write-card", model], "add it to --models"),
    ):
        assert main(["benchmark", "--data", str(tmp_path / "unheard-of"), "--models", model, *option]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mode", "suffix", "options"),
    [("L", ".png", ["--to", "150"]), ("RGBA", ".png", ["--scale", "2"]), ("LA", ".tif", ["--scale", "1.5"]),
     ("RGB", ".tif", []), ("LA", ".jpg", []), ("RGB", ".jpg", ["--to", "200"])],
)  # fmt: skip
def test_a_large_picture_is_the_same_written_row_by_row(model, tmp_path, monkeypatch, mode, suffix, options):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = smooth_photo(50, 70).convert(mode)
    if "A" in mode and suffix != ".jpg":
        photo.putalpha(smooth_photo(50, 70, seed=5).convert("L").point(lambda level: max(0, min(255, 3 * level - 300))))
    photo.save(tmp_path / "a.png", icc_profile=profile)
    command = ["upscale", str(tmp_path / "a.png"), "--model", model, "--tile", "16", *options]
    assert main([*command, "-o", str(tmp_path / f"whole{suffix}")]) == 0
    monkeypatch.setattr("srgan_hub.inference.batch.LARGE", 1000)
    monkeypatch.setattr("srgan_hub.inference.batch.write_whole", None)  # not used
    assert main([*command, "-o", str(tmp_path / f"rows{suffix}")]) == 0
    one, other = (read(tmp_path / f"{name}{suffix}") for name in ("whole", "rows"))
    assert one.mode == other.mode == (mode.strip("A") if suffix == ".jpg" else mode)
    assert one.size == other.size and one.tobytes() == other.tobytes()
    assert one.info["icc_profile"] == other.info["icc_profile"] == profile


def test_a_stop_in_the_middle_of_a_large_png_leaves_nothing(model, tmp_path, monkeypatch):
    smooth_photo(50, 70).save(tmp_path / "a.png")
    monkeypatch.setattr("srgan_hub.inference.batch.LARGE", 1000)

    def stopped(self, source, progress=None, size=None):
        yield np.zeros((64, 200, 3), np.uint8)
        raise KeyboardInterrupt

    monkeypatch.setattr(Upscaler, "bands", stopped)
    assert main(["upscale", str(tmp_path / "a.png"), "--model", model, "-o", str(tmp_path / "out" / "b.png")]) == 130
    assert files(tmp_path / "out") == []


def test_what_a_killed_process_left_is_deleted(model, pictures, tmp_path):
    (tmp_path / "out").mkdir()
    name = f".{zlib.crc32(b'b_x4.png'):08x}"
    for number in (2**22 + 1, os.getppid(), "notes"):  # none has the first: Linux counts to 2**22
        (tmp_path / "out" / f"{name}.{number}.tmp").write_text("half")
    assert main(["upscale", str(pictures / "b.png"), "-o", str(tmp_path / "out"), "--model", model]) == 0
    assert files(tmp_path / "out") == sorted([f"{name}.{os.getppid()}.tmp", f"{name}.notes.tmp", "b_x4.png"])


@pytest.mark.parametrize(("format", "large"), [("png", False), ("webp", False), ("png", True), ("tif", True), ("jpg", True)])
def test_a_file_that_cannot_grow_is_one_line(model, tmp_path, monkeypatch, capfd, format, large):
    Image.effect_noise((60, 60), 90).convert("RGB").save(tmp_path / "a.png")
    if large:
        monkeypatch.setattr("srgan_hub.inference.batch.LARGE", 1000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))  # bytes; the system then says so as for a full disk
    try:
        target = tmp_path / "out" / f"b.{format}"
        assert main(["upscale", str(tmp_path / "a.png"), "--model", model, "-o", str(target)]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    lines = [line for line in capfd.readouterr().err.splitlines() if line]
    assert lines == [f"srgan-hub: {target}: cannot be written (File too large)"] and files(tmp_path / "out") == []


def test_a_folder_that_cannot_be_written_to_is_said_before_the_work(model, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda folder, mode: False)  # to root every folder is open
    monkeypatch.setattr(Upscaler, "__call__", None)
    assert main(["upscale", str(pictures), "-o", str(tmp_path / "out"), "--model", model]) == 2
    assert capsys.readouterr().err.count(f"{tmp_path} cannot be written to; choose another output") == 2


@pytest.mark.parametrize(("format", "length", "most"), [("webp", 4096, 16383), ("jpg", 16376, 65500)])
def test_what_a_format_cannot_hold_is_refused_before_the_work(model, tmp_path, capsys, format, length, most):
    Image.new("L", (length, 1)).save(tmp_path / "a.png")
    command = ["upscale", str(tmp_path / "a.png"), "--model", model, "-o", str(tmp_path / "out"), "--format", format]
    assert main(command) == 2
    assert f"{4 * length}x4 exceeds the {most} pixels per side that {format} supports" in capsys.readouterr().err


def test_transfer_writes_a_checkpoint_that_names_its_partner(tmp_path, photo_folder, capsys):
    output = tmp_path / "new"
    command = ["transfer", "srresnet-x4", "srgan-x4-vivid", "--share", "0.5", "--photos", str(photo_folder), "-o", str(output)]
    assert main(command) == 0
    assert "0.5 of what srgan-x4-vivid learned beyond srresnet-x4" in capsys.readouterr().out
    assert SRGANGenerator.from_pretrained(output).partner == "srresnet-x4"
    assert main(command) == 2
    assert "already exists; choose another -o" in capsys.readouterr().err
