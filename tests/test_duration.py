import pytest

from srgan_hub.ui.jobs import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (45, "45 s"), (89, "89 s"), (100, "2 min"), (600, "10 min"), (3600, "1 h"), (5400, "1.5 h"), (86400, "24 h")],
)
def test_durations_in_words(seconds, said):
    assert duration(seconds) == said
