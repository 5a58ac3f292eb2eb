from conftest import smooth_photo
from srgan_hub.ui.use import snippets


def test_the_package_one_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    smooth_photo(24, 16).save("photo.jpg")
    exec(compile(snippets("http://127.0.0.1:1/", "srgan-x4-lite")[0], "snippet", "exec"), {})
    assert (tmp_path / "photo_x4.png").is_file()
