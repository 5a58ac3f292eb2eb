import gradio as gr

from srgan_hub.ui import use
from srgan_hub.ui.use import snippets


def test_the_tab_shows_three_snippets_to_copy():
    with gr.Blocks() as page:
        use.build(page)
    codes = [block.value for block in page.blocks.values() if isinstance(block, gr.Code)]
    assert codes == [code.strip() for code in snippets("http://127.0.0.1:7860", "srgan-x4-photo-large")]
