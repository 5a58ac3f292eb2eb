import asyncio
from base64 import b64encode

import pytest

import app
from conftest import flat, read
from srgan_hub.imaging.resize import Target
from srgan_hub.ui.api import target_of
from srgan_hub.ui.models import Limits


def test_sizes_in_words():
    targets = {"full": Target(), "x2": Target(scale=2), "x1.5": Target(scale=1.5), "3840": Target(longest=3840)}
    assert {size: target_of(size) for size in targets} == targets
    for size in ("", "x", "large", "4x", "xx"):
        with pytest.raises(ValueError, match="size must be full, a factor"):
            target_of(size)


def test_the_endpoints_and_nothing_else_are_tools_of_mcp(tmp_path, monkeypatch):
    mcp = pytest.importorskip("mcp", reason="needs the package mcp, of before 2: pip install 'mcp<2'")
    from mcp.client.streamable_http import streamablehttp_client

    async def ask(url):
        async with streamablehttp_client(url) as (reading, writing, _), mcp.ClientSession(reading, writing) as session:
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            photo = f"data:image/png;base64,{b64encode(flat(99)).decode()}"
            answers = [await session.call_tool("upscale", {"photo": photo, "model": m}) for m in ("srgan-x4-lite", "mine")]
            return tools, answers

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    page = app.build(Limits())
    page.launch(prevent_thread_lock=True, quiet=True, mcp_server=True)
    try:
        tools, (done, refused) = asyncio.run(ask(f"{page.local_url}gradio_api/mcp/"))
        (file,) = tmp_path.rglob("*_x4.png")
        assert read(file).size == (96, 80)
    finally:
        page.close()
    assert tools.keys() == {"upscale", "compare", "evaluate"}
    assert tools["upscale"].description.startswith("Enlarge a photograph.")
    assert tools["upscale"].inputSchema["required"] == ["photo"]
    assert "the longer side in pixels" in tools["upscale"].inputSchema["properties"]["size"]["description"]
    assert str(file) in done.content[0].text
    assert refused.isError
    assert "there is no model 'mine' here" in refused.content[0].text
