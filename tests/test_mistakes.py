from srgan_hub.imaging.io import ImageError
from srgan_hub.ui.queue import Full, mistake


def test_a_mistake_is_one_sentence_with_the_photos_name_once():
    error = mistake("/tmp/x/my photo.png", ImageError("not a readable image"))
    assert error.message == "my photo.png: not a readable image"
    assert not error.print_exception
    assert mistake("/tmp/x/a.png", ImageError("a.png: no")).message == "a.png: no"
    assert mistake("/tmp/x/a.png", Full("The queue is full.")).message == "The queue is full."
    assert mistake(None, ImageError("Choose a photo first.")).message == "Choose a photo first."
