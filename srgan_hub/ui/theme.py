"""The look of the page: colors with enough contrast (WCAG AA) in light and dark, one column on a phone."""

from __future__ import annotations

import json

import gradio as gr

# variable: in light, in dark; gradio's own grays have a contrast of 2.6:1 on white
COLOURS = {
    "body_text_color_subdued": ("*neutral_600", "*neutral_300"),
    "block_info_text_color": ("*neutral_600", "*neutral_300"),
    "block_label_text_color": ("*neutral_700", "*neutral_200"),
    "block_title_text_color": ("*neutral_700", "*neutral_200"),
    "input_placeholder_color": ("*neutral_600", "*neutral_300"),
    "button_primary_text_color": ("white", "white"),
    "button_primary_background_fill": ("*primary_700", "*primary_700"),  # white on it has a contrast of 5.5:1
    "button_primary_background_fill_hover": ("*primary_800", "*primary_800"),
    "checkbox_label_text_color_selected": ("white", "white"),
    "checkbox_label_background_fill_selected": ("*primary_700", "*primary_700"),
    "slider_color": ("*primary_600", "*primary_500"),
    "link_text_color": ("*primary_700", "*primary_300"),
}
THEME = gr.themes.Default(
    primary_hue="teal",
    neutral_hue="slate",
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"],
    font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"],
    radius_size="md",
).set(
    color_accent="*primary_700",  # of the open tab; there is no separate one for dark
    **{name: light for name, (light, _) in COLOURS.items()},
    **{f"{name}_dark": dark for name, (_, dark) in COLOURS.items()},
)

CSS = """
#title h1 { font-size: 1.7rem; margin: .2em 0 .1em; }
#title p { max-width: 62em; margin: 0; }
.dark button.selected[role=tab] { color: var(--primary-300); }
#bench { display: grid; grid-template-columns: 350px minmax(0, 1fr); grid-template-rows: auto auto 1fr; gap: 16px 24px;
         grid-template-areas: "photo view" "settings view" "settings outcome"; align-items: start; }
#bench > * { min-width: 0 !important; }
#photo-column { grid-area: photo } #view { grid-area: view } #settings { grid-area: settings } #outcome { grid-area: outcome }
#photo-column, #settings { gap: 12px; }
@media (max-width: 860px) {
  #bench { grid-template-columns: minmax(0, 1fr); grid-template-rows: none;
           grid-template-areas: "photo" "view" "settings" "outcome"; }
  .gradio-container .tabitem { padding-left: 0; padding-right: 0; }
  #title h1 { font-size: 1.35rem; }
  .names { flex-wrap: wrap; gap: 0 1em; } .names span { order: 3; width: 100%; }
}
:is(button, a, input, textarea, select, [tabindex], summary):focus-visible,
label:has(input:focus-visible) { outline: 3px solid var(--primary-600) !important; outline-offset: 2px; }
.dark :is(button, a, input, textarea, select, [tabindex], summary):focus-visible,
.dark label:has(input:focus-visible) { outline-color: var(--primary-400) !important; }
#model label, #mode label { padding: 4px 10px; }
#model-line p { margin: 0; color: var(--body-text-color-subdued); }
#examples .gallery { gap: 8px; } .credits p { font-size: .8rem; color: var(--body-text-color-subdued); margin: 0; }
#enlarge, #cancel { min-height: 48px; font-size: 1.05rem; }
progress { height: 10px; appearance: none; border: 0; } .status progress { width: 100%; display: block; margin-bottom: 6px; }
progress, progress::-webkit-progress-bar { background: var(--border-color-primary); border-radius: 5px; }
progress::-webkit-progress-value { background: var(--primary-600); border-radius: 5px; }
progress::-moz-progress-bar { background: var(--primary-600); border-radius: 5px; }
.facts, .facts tr, .facts td, .facts th { border: 0 !important; border-collapse: collapse; background: none !important; }
.facts { width: auto !important; margin: 0 !important; }
.facts td, .facts th { padding: 3px 16px 3px 0 !important; text-align: left; vertical-align: top; font-weight: normal; }
.facts th { color: var(--body-text-color-subdued); white-space: nowrap; }
.scroll { overflow-x: auto; }
.scores { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0 0 .6em !important; border: 0 !important; }
.scores :is(tr, th, td) { border: 0 !important; background: none !important; }
.scores :is(th, td) { padding: 6px 14px !important; text-align: right !important; font-weight: normal; }
.scores tr { border-bottom: 1px solid var(--border-color-primary) !important; }
.scores :is(th, td):first-child { text-align: left !important; }
#over { border: 2px solid var(--primary-600); border-radius: var(--radius-lg); padding: 12px; gap: 8px; }
#bench:has([data-tab-id=several][aria-selected=true]) #enlarge { display: none; } /* several have their own */
[id^=snippet-] .cm-line * { color: var(--body-text-color) !important; } /* gradio's colours have 2.5:1 on white */
.notice { border-left: 4px solid var(--primary-600); padding: .4em .8em; background: var(--background-fill-secondary); }
.names { display: flex; justify-content: space-between; gap: 1em; font-weight: 600; }
.names span { text-align: center; font-weight: 400; color: var(--body-text-color-subdued); }
#empty h2 { font-size: 1.25rem; margin: 0 0 .2em; } #empty p { margin: 0; }
#compass { gap: 6px; flex-wrap: nowrap; } #compass button { min-width: 0; padding: 4px 6px; min-height: 40px; }
#where { align-items: flex-start; }
#thumbnail { max-width: 244px; flex: none; } :is(#thumbnail, #pick) img { cursor: crosshair; }
#pair, #sample, #restored { width: 100%; margin: 0 auto; border: 0; }
:is(#pair, #sample, #restored) .icon { color: white; }
#sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr)); gap: 12px; }
#sides > * { min-width: 0 !important; } #doubted { font-size: .95rem; }
#rate-progress progress { width: min(100%, 320px); vertical-align: middle; }
#rate-scores { flex-wrap: nowrap; } #rate-scores button { min-width: 0 !important; min-height: 56px; }
@media (max-width: 560px) { #rate-scores { gap: 6px; } #rate-scores button { font-size: .72rem; padding: 4px 2px; } }
footer { opacity: 1 !important; } footer .divider { display: none; } footer { gap: 1.5em; }
"""

# Descriptions of images for people who cannot see them, by the place of each image; gradio writes none.
ALT = {
    "#photo img": "the uploaded photo",
    "#examples img": "an example to try",
    "#sample img": "part of an example, enlarged",
    "#pair img": "a region of the photo, enlarged by two methods, one over the other",
    "#before img": "a region of the photo, enlarged by the method on the left",
    "#after img": "the same region, enlarged by the chosen model, or the map of what it invented",
    "#changed img": "map of what enlarging changed in this region of the photo",
    "#thumbnail img": "the whole photo, with a frame around the region that is shown",
    "#restored img": "the restored photo, with the original over it",
    "#rate-picture img": "the picture to judge",
    "#rate-figure img": "histograms of the scores: one row per set, one column per method",
    "#pick img": "the whole photo, with a frame around the region that will be enlarged",
}
# gradio's CSS applies only inside its page; styles for the page's own edges, and the script, go into the document's head.
HEAD = f"""<style>
.gradio-container {{ width: 100%; max-width: 1360px !important; margin: 0 auto !important; }}
@media (max-width: 860px) {{ .gradio-container .app {{ padding: 12px !important; }} }}
</style>
<script>
const descriptions = {json.dumps(ALT)};
function describe() {{
  for (const [place, text] of Object.entries(descriptions))
    for (const image of document.querySelectorAll(place)) if (!image.alt) image.alt = text;
}}
new MutationObserver(describe).observe(document, {{childList: true, subtree: true}});
</script>"""
