import io

import numpy as np
import pytest
from datasets import Dataset, Features, Image, Value
from PIL import Image as Picture

from conftest import smooth_photo
from srgan_hub.data.photos import image_column, load_photos, splits


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_folder_of_images(photo_folder):
    assert sorted(splits(str(photo_folder))) == ["train", "validation"]
    photos = load_photos(str(photo_folder), "validation")
    assert [p.shape for p in photos] == [(48, 64, 3)] * 2
    assert any(np.array_equal(p, np.asarray(smooth_photo(64, 48, seed=20))) for p in photos)


def test_folder_of_parquet_with_a_damaged_row(tmp_path, caplog):
    broken = png(smooth_photo(20, 10))[:8] + b"\0\0\0\5" + bytes(60)
    deep = np.array([[0, 128 * 257, 65535]], dtype=np.uint16).repeat(4, axis=0)
    pictures = [png(smooth_photo(20, 10).convert("L")), b"not a picture", broken, png(Picture.fromarray(deep))]
    rows = [{"bytes": data, "path": None} for data in pictures]
    features = Features({"image": Image(), "name": Value("string")})
    (tmp_path / "data").mkdir()
    table = Dataset.from_dict({"image": rows, "name": list("abcd")}, features=features)
    table.to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    photos = load_photos(str(tmp_path))
    assert [p.shape for p in photos] == [(10, 20, 3), (4, 3, 3)]
    assert photos[1][0, :, 0].tolist() == [0, 128, 255]  # 16 bits, not clipped to white
    assert "left out 2 images" in caplog.text


def test_column_is_found_or_asked_for():
    assert image_column(Features({"picture": Image(), "label": Value("int64")})) == "picture"
    assert image_column(Features({"lr": Image(), "hr": Image()})) == "hr"
    with pytest.raises(ValueError, match="need one image column"):
        image_column(Features({"a": Image(), "b": Image()}))


def test_wrong_dataset_or_split_is_one_sentence(photo_folder, tmp_path):
    with pytest.raises(ValueError, match="has no split 'test'; it has: train, validation"):
        load_photos(str(photo_folder), "test")
    with pytest.raises(ValueError, match="cannot be loaded") as caught:
        load_photos(str(tmp_path / "nowhere"))
    assert "\n" not in str(caught.value)
