"""The tab "Rate", shown if there is a study: one image at a time, five buttons or the keys 1 to 5.

SRGAN_STUDY names the folder that `srgan-hub mos plan` made, or only its public/, if others can read the machine's files;
SRGAN_RATINGS the folder for ratings [ratings]; SRGAN_RATINGS_REPO a private dataset on the Hub that also receives them."""

from __future__ import annotations

import os
from pathlib import Path

import gradio as gr

from srgan_hub.evaluation.opinion.ratings import Sessions, new_secret, rater_of
from srgan_hub.evaluation.opinion.study import PUBLIC, Study
from srgan_hub.hub.push import collect
from srgan_hub.ui.queue import told

STUDY, RATINGS, REPOSITORY = "SRGAN_STUDY", "SRGAN_RATINGS", "SRGAN_RATINGS_REPO"
WORDS = {1: "bad", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}
START = """### How good does each picture look?
You will see pictures one after another: photos, and photos that were shrunk and enlarged again in several ways. Rate how
good each one looks, from 1 (bad) to 5 (excellent), with the buttons or the keys 1 to 5. There is no right answer, and no
way to tell which is which. First come {examples} examples of the ends of the scale, then {pictures} pictures. You may close
the page and continue later in the same browser. Only your scores are stored, under a random number that stands for you.
Only this browser can add to them."""
THANKS = "### Thank you\nYou have rated all {pictures} pictures."


def sessions_of_environment() -> Sessions | None:
    """None if no study is set. Raises ValueError for a folder without a study."""
    if not (place := os.environ.get(STUDY)):
        return None
    folder, ratings = Path(place), Path(os.environ.get(RATINGS) or "ratings")
    study = Study.load(folder / PUBLIC if (folder / PUBLIC).is_dir() else folder)
    ratings.mkdir(parents=True, exist_ok=True)
    if repository := os.environ.get(REPOSITORY):
        collect(ratings, repository)
    return Sessions(study, ratings)


def memory(study: Study) -> gr.BrowserState:
    """The rater's secret; outside of all tabs, because a tab's contents exist only once it is opened."""
    # This `secret` need not be secret: whoever has the browser has the number. A fixed one survives a restart of the page.
    return gr.BrowserState(None, storage_key=f"srgan_hub-rater-{study.version}", secret=study.version)


def build(page: gr.Blocks, browser: gr.BrowserState, sessions: Sessions) -> None:
    """The tab's components, inside a gr.Blocks."""
    pictures, examples = len(sessions.study.items), len(sessions.study.calibration)
    seen, shown = gr.State(0), gr.State(None)  # examples so far, and the image that is to be rated
    intro = gr.Markdown(START.format(examples=examples, pictures=pictures), elem_id="rate-intro")
    begin = gr.Button("Begin", variant="primary", elem_id="rate-begin")
    progress = gr.HTML(elem_id="rate-progress")
    # Shown pixel by pixel: drawn any smaller, it would hide what is to be judged.
    picture = gr.Image(
        visible=False, interactive=False, type="filepath", format="png", show_label=False, buttons=[], elem_id="rate-picture"
    )
    hint = gr.Markdown(visible=False, elem_id="rate-told")
    following = gr.Button("Next (Enter)", variant="primary", visible=False, elem_id="rate-next")
    with gr.Row(visible=False, elem_id="rate-scores") as scores:
        buttons = {
            score: gr.Button(f"{score} {word}", elem_id=f"score-{score}", min_width=60) for score, word in WORDS.items()
        }
    changing = [browser, seen, shown, intro, begin, progress, picture, hint, following, scores]

    @told()
    def show(secret: str, number: int) -> dict:
        """number: of examples that were seen."""
        turn = sessions.turn(rater_of(secret), number)
        example, over = turn.score is not None, turn.item is None
        kind = "Example" if example else "Picture"
        bar = f'<progress value="{turn.number - 1}" max="{turn.of}" aria-label="your progress"></progress>'
        return {
            browser: secret,
            seen: number,
            shown: None if example else turn.item,
            intro: gr.Markdown(THANKS.format(pictures=pictures) if over else "", visible=over),
            begin: gr.Button(visible=False),
            progress: "" if over else f"{bar} {kind} {turn.number} of {turn.of}",
            picture: gr.Image(None if over else str(sessions.study.picture(turn.item)), visible=not over),
            hint: gr.Markdown(f"An example: this is {turn.score}, {WORDS[turn.score]}." if example else "", visible=example),
            following: gr.Button(visible=example),
            scores: gr.Row(visible=not example and not over),
        }

    def resume(secret):
        return show(secret, 0) if secret else {shown: None}

    @told()
    def rate(secret, item, score):
        if item is None:
            raise ValueError("The rating was not saved: no picture was shown.")
        try:
            sessions.rate(rater_of(secret), item, score)
        except OSError as error:
            raise ValueError(f"The rating was not saved: {error}.") from error
        return show(secret, examples)

    hidden = dict(api_visibility="private", show_progress="hidden", trigger_mode="once")
    begin.click(lambda secret: show(secret or new_secret(), 0), browser, changing, **hidden)
    following.click(lambda secret, number: show(secret, number + 1), [browser, seen], changing, **hidden)
    for score, button in buttons.items():
        button.click(lambda secret, item, score=score: rate(secret, item, score), [browser, shown], changing, **hidden)
    page.load(resume, browser, changing, **hidden)
