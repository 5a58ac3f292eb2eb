"""The tab "Rate", shown if there is a study: one image at a time, five buttons or the keys 1 to 5.

SRGAN_STUDY names the folder that `srgan-hub mos plan` made, or only its public/, if others can read the machine's files;
SRGAN_RATINGS the folder for ratings [ratings]; SRGAN_RATINGS_REPO a private dataset on the Hub that also receives them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from srgan_hub.evaluation.opinion.ratings import Sessions, new_secret, rater_of, read
from srgan_hub.evaluation.opinion.statistics import histograms, report
from srgan_hub.evaluation.opinion.study import KEY, PUBLIC, Key, Presentation, Study
from srgan_hub.hub.push import collect

STUDY, RATINGS, REPOSITORY = "SRGAN_STUDY", "SRGAN_RATINGS", "SRGAN_RATINGS_REPO"
WORDS = {1: "bad", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}
START = """### How good does each picture look?
You will see pictures one after another: photos, and photos that were shrunk and enlarged again in several ways. Rate how
good each one looks, from 1 (bad) to 5 (excellent), with the buttons or the keys 1 to 5. There is no right answer, and no
way to tell which is which. First come {examples} examples of the ends of the scale, then {pictures} pictures. You may close
the page and continue later in the same browser. Only your scores are stored, under a random number that stands for you.
Only this browser can add to them."""
THANKS = "### Thank you\nYou have rated all {pictures} pictures."
# Keys press the buttons if these are visible and nothing is being typed.
KEYS = """<script>
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest('input, textarea')) return;
  const place = /^[1-5]$/.test(event.key) ? `#score-${event.key}` : event.key == 'Enter' ? '#rate-next' : null;
  const button = place && document.querySelector(place);
  if (button?.offsetParent && !button.disabled && document.activeElement != button) { event.preventDefault(); button.click(); }
});
</script>"""


def study_of_environment() -> tuple[Sessions, Key | None] | None:
    """The study, and its key if that is beside it; None if no study is set. Raises ValueError for a folder without a study."""
    if not (place := os.environ.get(STUDY)):
        return None
    folder, ratings = Path(place), Path(os.environ.get(RATINGS) or "ratings")
    public = folder / PUBLIC if (folder / PUBLIC).is_dir() else folder
    ratings.mkdir(parents=True, exist_ok=True)
    sessions = Sessions(Study.load(public), ratings)
    if repository := os.environ.get(REPOSITORY):
        collect(ratings, repository)
    return sessions, Key.load(folder) if (folder / KEY).is_file() else None


def results(sessions: Sessions, key: Key):
    """The report of all ratings so far, and its figure, which is None without opinions."""
    ratings, torn = [], 0
    for path in sorted(sessions.file.parent.glob("*.jsonl")):
        more, bad = read(path)
        ratings, torn = ratings + more, torn + bad
    text, analysis = report(key, ratings, torn)
    return text, histograms(analysis) if analysis else None


def memory(study: Study) -> gr.BrowserState:
    """Who rates, and how many examples they have seen; outside of all tabs, because a tab's contents exist only once it is
    opened."""
    # This `secret` need not be secret: whoever has the browser has the number. A fixed one survives a restart of the page.
    return gr.BrowserState(None, storage_key=f"srgan_hub-rater-{study.version}", secret=study.version)


@contextmanager
def said(before: str = ""):
    """Errors inside are shown to the visitor as a sentence."""
    try:
        yield
    except (ValueError, OSError) as error:
        text = f"{before}{error}."
        raise gr.Error(text[:1].upper() + text[1:], print_exception=False, title="That did not work") from error


def opened(rater) -> tuple[str, int]:
    """The rater's id, and how many examples they have seen, from what a browser sends; it may send anything.

    Raises ValueError for anything that the page never gave it."""
    secret, examples = (rater.get("name"), rater.get("examples")) if isinstance(rater, dict) else (None, None)
    if type(examples) is not int or examples < 0:
        secret = None
    return rater_of(secret), examples


def build(page: gr.Blocks, browser: gr.BrowserState, sessions: Sessions, key: Key | None) -> None:
    """The tab's components, inside a gr.Blocks."""
    study = sessions.study
    pictures, examples = len(study.items) + study.repeats, len(study.calibration)
    shown = gr.State(None)
    intro = gr.Markdown(START.format(examples=examples, pictures=pictures), elem_id="rate-intro")
    begin = gr.Button("Begin", variant="primary", elem_id="rate-begin")
    progress = gr.HTML(elem_id="rate-progress")
    # Shown pixel by pixel: drawn any smaller, it would hide what is to be judged.
    picture = gr.Image(
        visible=False, interactive=False, type="filepath", format="png", show_label=False, buttons=[], elem_id="rate-picture"
    )
    told = gr.Markdown(visible=False, elem_id="rate-told")
    following = gr.Button("Next (Enter)", variant="primary", visible=False, elem_id="rate-next")
    with gr.Row(visible=False, elem_id="rate-scores") as scores:
        buttons = {
            score: gr.Button(f"{score} {word}", elem_id=f"score-{score}", min_width=60) for score, word in WORDS.items()
        }
    changing = [browser, shown, intro, begin, progress, picture, told, following, scores]

    def show(rater: dict) -> dict:
        with said():
            turn = sessions.turn(*opened(rater))
        example, over = turn.score is not None, turn.picture is None
        kind = "Example" if example else "Picture"
        bar = f'<progress value="{turn.number - 1}" max="{turn.of}" aria-label="your progress"></progress>'
        return {
            browser: rater,
            shown: turn.shown,
            intro: gr.Markdown(THANKS.format(pictures=pictures) if over else "", visible=over),
            begin: gr.Button(visible=False),
            progress: "" if over else f"{bar} {kind} {turn.number} of {turn.of}",
            picture: gr.Image(None if over else str(turn.picture), visible=not over),
            told: gr.Markdown(f"An example: this is {turn.score}, {WORDS[turn.score]}." if example else "", visible=example),
            following: gr.Button(visible=example),
            scores: gr.Row(visible=not example and not over),
        }

    def start(rater):
        rater = rater or {"name": new_secret(), "examples": 0}
        with said():
            sessions.admit(opened(rater)[0])
        return show(rater)

    def resume(rater):
        return show(rater) if rater else {shown: None}

    def after_example(rater):
        with said():
            examples = opened(rater)[1]
        return show({"name": rater["name"], "examples": examples + 1})

    def rate(rater, item, score):
        with said("The rating was not saved: "):
            name, _ = opened(rater)
            if item is None:
                raise ValueError("no picture was shown")
            sessions.rate(name, Presentation(*item), score)
        return show(rater)

    hidden = dict(api_visibility="private", show_progress="hidden", trigger_mode="once")
    begin.click(start, browser, changing, **hidden)
    following.click(after_example, browser, changing, **hidden)
    for score, button in buttons.items():
        button.click(lambda rater, item, score=score: rate(rater, item, score), [browser, shown], changing, **hidden)
    page.load(resume, browser, changing, **hidden)

    if key:
        blind = "Results (you have the key; once you have seen them, you cannot rate blind)"
        with gr.Accordion(blind, open=False, elem_id="rate-results"):
            ask = gr.Button("Show the results so far", elem_id="rate-report")
            figure = gr.Image(interactive=False, format="png", show_label=False, visible=False, elem_id="rate-figure")
            text = gr.Markdown()

            def tell():
                words, drawn = results(sessions, key)
                return words, gr.Image(drawn, visible=drawn is not None)

            ask.click(tell, None, [text, figure], api_visibility="private")
