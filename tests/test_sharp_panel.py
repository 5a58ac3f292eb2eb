from PIL import Image

from conftest import read, smooth_photo
from srgan_hub.imaging.tiles import most_detailed
from srgan_hub.ui.check import HEIGHT, WIDTH, Check, regions, table

ROWS = {
    "bicubic": {"psnr": 26.5, "ssim": 0.7, "niqe": float("nan"), "seconds": 0.01},
    "srgan-x4": {"psnr": 27.25, "ssim": 0.69, "niqe": 4.5, "seconds": 0.5},
}


def test_the_table_has_every_number_and_marks_the_best():
    said = table(Check(Image.new("RGB", (96, 80)), (24, 20), ROWS, {}, 3.25), {"srgan-x4": "<Clean>"})
    for part in ("<td>26.50</td>", "<td><strong>27.25</strong></td>", "<td><strong>0.7000</strong></td>", "<td>–</td>",
                 "24×20", "96×80", "NIQE is 3.25", "&lt;Clean&gt;"):  # fmt: skip
        assert part in said
    assert "feature distance" not in said


def test_what_stays_of_a_check_are_files(tmp_path):
    original, restored = smooth_photo(800, 600, seed=1), smooth_photo(800, 600, seed=2)
    pairs = regions(Check(original, (200, 150), ROWS, {"a/../b": restored, "bicubic": original}, 3.0), tmp_path)
    assert list(pairs) == ["a/../b", "bicubic"]
    for method, picture in (("a/../b", restored), ("bicubic", original)):
        left, right = (read(path) for path in pairs[method])
        assert left.size == right.size == (WIDTH, HEIGHT)
        assert pairs[method][0].startswith(f"{tmp_path}/restored-")
        box = most_detailed(original, (WIDTH, HEIGHT))
        assert left.tobytes() == picture.crop(box).tobytes() and right.tobytes() == original.crop(box).tobytes()
