from srgan_hub.files import BadInput
from srgan_hub.ui.line import Full
from srgan_hub.ui.mistakes import mistake


def test_a_mistake_is_one_sentence_with_the_photos_name_once():
    error = mistake("/tmp/x/my photo.png", BadInput("not a picture that can be read"))
    assert error.message == "my photo.png: not a picture that can be read"
    assert not error.print_exception
    assert mistake("/tmp/x/a.png", BadInput("a.png: no")).message == "a.png: no"
    assert mistake("/tmp/x/a.png", Full("The queue is full.")).message == "The queue is full."
    assert mistake(None, BadInput("Choose a photo first.")).message == "Choose a photo first."
