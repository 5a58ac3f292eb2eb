import numpy as np
import pytest

from conftest import smooth_photo
from srgan_hub.evaluation.opinion import ratings
from srgan_hub.evaluation.opinion.ratings import Sessions, new_secret, rater_of, read
from srgan_hub.evaluation.opinion.study import Study, make_study


@pytest.fixture
def study(tmp_path):
    """Two pictures by two methods, one example of two, one repeat."""
    pairs = [(f"{n}", smooth_photo(8, 8, seed=n), np.asarray(smooth_photo(32, 32, seed=n))) for n in range(3)]
    make_study(tmp_path / "study", {"Mine": pairs[:2]}, {}, pairs[2:], repeats=1)
    return Study.load(tmp_path / "study" / "public")


def rate_all(sessions, rater, upto=None):
    seen = []
    while (turn := sessions.turn(rater, 2)).picture and len(seen) != upto:
        sessions.rate(rater, turn.shown, 1 + len(seen) % 5)
        seen.append((turn.shown, turn.number, turn.of))
    return seen


def test_examples_come_first_then_every_picture_in_the_raters_order(study, tmp_path):
    sessions = Sessions(study, tmp_path / "ratings")
    turns = [sessions.turn("me", number) for number in (0, 1)]
    assert [(turn.score, turn.number, turn.of) for turn in turns] == [(1, 1, 2), (5, 2, 2)]
    seen = rate_all(sessions, "me")
    assert [shown for shown, _, _ in seen] == study.order("me")
    assert [(number, of) for _, number, of in seen] == [(n, 5) for n in range(1, 6)]
    assert sessions.turn("me", 2).picture is None
    ratings, torn = read(sessions.file)
    assert ([rating.score for rating in ratings], torn) == ([1, 2, 3, 4, 5], 0)


def test_another_process_goes_on_where_the_page_was_closed(study, tmp_path):
    first = Sessions(study, tmp_path / "ratings")
    rate_all(first, "me", upto=2)
    second = Sessions(study, tmp_path / "ratings")
    assert second.turn("me", 2).shown == study.order("me")[2]
    assert second.turn("you", 2).shown == study.order("you")[0]
    rate_all(second, "me")
    assert len(read(first.file)[0]) == 2 and len(read(second.file)[0]) == 3


def test_hit_twice_it_is_one_rating(study, tmp_path):
    sessions = Sessions(study, tmp_path / "ratings")
    shown = sessions.turn("me", 2).shown
    sessions.rate("me", shown, 4)
    sessions.rate("me", shown, 1)
    assert [rating.score for rating in read(sessions.file)[0]] == [4]
    with pytest.raises(ValueError, match="no picture"):
        sessions.rate("me", shown._replace(item="foreign"), 4)


def test_what_is_kept_of_a_rater_is_no_key_to_their_ratings():
    secret = new_secret()
    assert secret != new_secret()
    assert rater_of(secret) == rater_of(secret)
    assert rater_of(rater_of(secret)) != rater_of(secret)  # who reads the one in a file is somebody else


@pytest.mark.parametrize(
    "secret", ["", "../../etc/passwd", "a" * 31, "A" * 32, "a" * 32 + "\n", "é" * 32, "a" * 10_000, None, 7, ["a" * 32]]
)
def test_a_secret_that_the_page_never_gave_is_refused(secret):
    with pytest.raises(ValueError, match="not issued by this page"):
        rater_of(secret)


def test_raters_are_so_many_and_no_more(study, tmp_path, monkeypatch):
    monkeypatch.setattr(ratings, "RATERS", 3)
    sessions = Sessions(study, tmp_path / "ratings")
    for name in "abc":
        sessions.rate(name, study.order(name)[0], 3)
    for again in (sessions, Sessions(study, tmp_path / "ratings")):  # another process counts them too
        with pytest.raises(ValueError, match="as many raters as it can take"):
            again.rate("d", study.order("d")[0], 3)
    sessions.rate("a", study.order("a")[1], 3)  # who has begun goes on
    assert len(read(sessions.file)[0]) == 4


def test_no_more_than_so_many_begin_within_an_hour(study, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(ratings.time, "monotonic", lambda: now[0])
    sessions = Sessions(study, tmp_path / "ratings")
    for number in range(ratings.NEW):
        now[0] = 10.0 * number
        sessions.rate(f"r{number}", study.order(f"r{number}")[0], 3)
    with pytest.raises(ValueError, match="come back in an hour"):
        sessions.admit("late")
    now[0] = 3600
    sessions.rate("late", study.order("late")[0], 3)
    with pytest.raises(ValueError, match="come back in an hour"):
        sessions.rate("later", study.order("later")[0], 3)
