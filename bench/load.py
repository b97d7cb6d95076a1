"""A load generator that costs little: signed Shopify orders over kept-alive connections, prepared before it starts.

Run as ``python -m bench.load PORT COUNT FIRST``; prints the seconds it took and the latencies as JSON.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import cast

import orjson

from shared import process
from shared.testing.make_ingest import shopify_headers, shopify_order

_CONNECTIONS = 64
_LONGEST_SECONDS = 60
_OK = b"HTTP/1.1 200"
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


def requests(first: int, count: int) -> list[bytes]:
    """Return that many whole HTTP requests, each another order of another person."""
    made = []
    for number in range(first, first + count):
        customer = {"id": number, "first_name": "Ana", "last_name": "Ruiz", "phone": f"+1212{2_000_000 + number:07d}"}
        order = shopify_order(id=10**12 + number, name=f"#{number}", checkout_token=f"t{number}", customer=customer)
        body = orjson.dumps(order)
        headers = shopify_headers(body, "orders/create", event_id=f"bench-{number}")
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        start = f"POST /v1/webhooks/shopify/acme HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n"
        made.append(f"{start}{head}\r\n".encode() + body)
    return made


class Connection(asyncio.Protocol):
    """Sends one request after the other, each when the answer to the one before has come whole."""

    def __init__(self, todo: Iterator[bytes], latencies: list[float], done: asyncio.Event) -> None:
        self._todo = todo
        self._latencies = latencies
        self._done = done
        self._answer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so
        self._next()

    def data_received(self, data: bytes) -> None:
        """Send the next, once the answer is whole."""
        self._answer += data
        head, end, body = self._answer.partition(_HEAD_END)
        if not end or len(body) < int(head.lower().partition(_LENGTH)[2].split(b"\r\n")[0]):
            return
        assert head.startswith(_OK), self._answer
        self._latencies.append(time.perf_counter() - self._sent_at)
        self._answer = b""
        self._next()

    def _next(self) -> None:
        request = next(self._todo, None)
        if request is None:
            self._done.set()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def run(port: int, count: int, first: int) -> None:
    """Post `count` orders, and print what it took."""
    prepared = requests(first, count)
    todo, latencies, loop = iter(prepared), list[float](), asyncio.get_running_loop()
    endings = [asyncio.Event() for _ in range(_CONNECTIONS)]
    began = time.perf_counter()
    for done in endings:
        await loop.create_connection(lambda done=done: Connection(todo, latencies, done), "127.0.0.1", port)  # type: ignore[misc]  # a lambda's default is how it keeps its own event
    async with asyncio.timeout(_LONGEST_SECONDS):
        await asyncio.gather(*(done.wait() for done in endings))
    seconds = time.perf_counter() - began
    assert len(latencies) == count
    sys.stdout.write(orjson.dumps({"seconds": seconds, "latencies": latencies}).decode())


if __name__ == "__main__":
    process.run(run(*map(int, sys.argv[1:4])))
