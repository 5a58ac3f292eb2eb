"""A photo that is given by an address: fetched only as far as an upload may be large, and not for ever.

Gradio refuses addresses of its own network, but fetches whatever else comes, into memory, for as long as it comes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from gradio import processing_utils

httpx, safehttpx = processing_utils.httpx, processing_utils.sh  # whichever gradio uses

SECONDS = 30  # from the answer's head to its end


class Unfetched(Exception):
    """What an address gives is not taken."""


class Bounded(httpx.AsyncBaseTransport):
    """As gradio's own, only to an address that is public; most: bytes of an answer."""

    def __init__(self, most: int):
        self.most = most

    async def handle_async_request(self, request):
        request.headers["Accept-Encoding"] = "identity"  # packed bytes do not tell how many they are
        public = await safehttpx.async_validate_url(request.url.host)
        response = await safehttpx.AsyncSecureTransport(public).handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise Unfetched("the answer is packed")
        response.stream = Part(response.stream, self.most)
        return response


class Part(httpx.AsyncByteStream):
    """A stream that fails when it is too long."""

    def __init__(self, stream, most: int):
        self.stream, self.most = stream, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        start, count = time.monotonic(), 0
        async for chunk in self.stream:
            count += len(chunk)
            if count > self.most or time.monotonic() - start > SECONDS:
                raise Unfetched(f"more than {self.most} bytes, or {SECONDS} seconds")
            yield chunk

    async def aclose(self) -> None:
        await self.stream.aclose()


def limit(most: int) -> None:
    """From now on no answer has more than so many bytes."""
    processing_utils.async_transport = Bounded(most)
