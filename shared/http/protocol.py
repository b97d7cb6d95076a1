"""HTTP/1.1 on one connection, with a bound on everything a client can make the server hold or wait for.

uvicorn and httptools read a head of any size into memory and wait for its end for ever; this protocol counts what
comes in and when, and the server looks over all connections once a second (`Connections.sweep`).
"""

import asyncio
from enum import Enum, auto
from http import HTTPStatus
from itertools import chain
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.http.instruments import CONNECTIONS, REFUSED
from shared.http.limits import ConnectionLimits
from shared.http.networks import subscriber_of
from shared.http.problems import MEDIA_TYPE, body_of
from shared.telemetry.logs import logger

log = logger(__name__)

_LEAST_PROGRESS_BYTES = 65_536


class ConnectionRefusal(Enum):
    """Why the server closes a connection: HTTP status, stable code, what to do."""

    MALFORMED = (HTTPStatus.BAD_REQUEST, "malformed_request", "this is not an HTTP/1.1 request")
    HEAD_TOO_LARGE = (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers_too_large",
        "the headers are too large or too many; send fewer",
    )
    URL_TOO_LONG = (HTTPStatus.REQUEST_URI_TOO_LONG, "url_too_long", "the address is too long; shorten its query")
    HEAD_TOO_SLOW = (HTTPStatus.REQUEST_TIMEOUT, "headers_too_slow", "the headers did not end in time; send again")
    BODY_TOO_SLOW = (HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", "the body did not end in time; send again")
    TOO_MANY_PIPELINED = (
        HTTPStatus.TOO_MANY_REQUESTS,
        "too_many_pipelined",
        "too many requests were sent ahead on this connection; wait for answers",
    )
    TOO_MANY_CONNECTIONS = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too_many_connections",
        "the server cannot accept another connection now; try again",
    )
    TOO_MANY_FROM_ADDRESS = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too_many_connections_from_address",
        "this address has too many connections open; use fewer at once",
    )
    ANSWER_NOT_TAKEN = (HTTPStatus.REQUEST_TIMEOUT, "answer_not_taken", "the answer was not read in time")
    BODY_NOT_WANTED = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_not_wanted", "the request was answered already")

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        self.status = status
        self.code = code
        self.detail = detail

    def answer(self) -> bytes:
        """Return the whole answer, ready for the wire."""
        body = body_of(self.status, self.code, self.detail)
        retry = b"retry-after: 2\r\n" if self.status is HTTPStatus.SERVICE_UNAVAILABLE else b""
        return b"%bcontent-type: %b\r\ncontent-length: %d\r\n%bconnection: close\r\n\r\n%b" % (
            STATUS_LINE[self.status],
            MEDIA_TYPE.encode(),
            len(body),
            retry,
            body,
        )


class _Stop(Exception):
    """Stops the parser."""


class _Awaited(Enum):
    """What of a request the server waits for."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class Connections:
    """All connections of one server: how many, from where, and which of them have exceeded their time."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._room = limits.room
        self._open: set[LimitedProtocol] = set()
        self._per_address: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def protocol(self, **given: Any) -> "LimitedProtocol":
        """Return the protocol of a new connection; uvicorn's `http` setting takes this method."""
        return LimitedProtocol(self, **given)

    def admit(self, connection: "LimitedProtocol") -> ConnectionRefusal | None:
        """Count a connection in, or return why it is refused."""
        if len(self._open) >= self._room:
            return ConnectionRefusal.TOO_MANY_CONNECTIONS
        address = connection.address
        here = self._per_address.get(address, 0)
        if here >= self.limits.connections_per_address and not self.limits.trusted_proxies.contain(address):
            return ConnectionRefusal.TOO_MANY_FROM_ADDRESS
        self._open.add(connection)
        self._per_address[address] = here + 1
        CONNECTIONS.set(len(self._open))
        return None

    def dismiss(self, connection: "LimitedProtocol") -> None:
        """Count a connection out; one that was never admitted does not count."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        left = self._per_address[connection.address] - 1
        if left:
            self._per_address[connection.address] = left
        else:
            del self._per_address[connection.address]
        CONNECTIONS.set(len(self._open))

    def sweep(self, now: float) -> None:
        """Close every connection whose client took too long; `now` is the event loop's time."""
        for connection in tuple(self._open):
            connection.check_patience(now)


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds; its names are uvicorn's and httptools', which call them."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._connections = connections
        self._limits = connections.limits
        self.address = ""
        self._refusal: ConnectionRefusal | None = None
        self._awaited = _Awaited.HEAD
        self._most_headers = connections.limits.headers
        self._now = self._since = self.loop.time()
        self._head_bytes = 0
        """Bytes that came while the head was awaited, without the chunk in which it began."""
        self._quiet_bytes = 0
        """Bytes that came since the parser last reported a piece of a body."""
        self._parser_spoke = False
        self._trailers = 0
        self._discarded_bytes = 0
        self._untaken = (0, self._since)
        """How much of an answer waited for the client, and since when no less."""
        self._idle_since: float | None = None
        """When the last answer was given, while nothing has come after it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Accept the connection, or refuse it."""
        super().connection_made(transport)
        self.address = subscriber_of(self.client[0]) if self.client else ""
        refusal = self._connections.admit(self)
        if refusal is not None:
            self._refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.dismiss(self)
        super().connection_lost(exc)
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, never more than the limits allow."""
        if self._refusal is not None or self.parser is None:
            return
        self._idle_since = None
        self._now = self.loop.time()  # read once for everything in this chunk
        if self._awaited is _Awaited.NOTHING:
            self._await(_Awaited.HEAD)
        was_awaited, self._parser_spoke = self._awaited, False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # another protocol was requested; this server speaks HTTP/1.1 only
        except httptools.HttpParserError:
            self._refuse(self._refusal or ConnectionRefusal.MALFORMED)
            return
        self._count(len(data), was_awaited)

    def on_message_begin(self) -> None:
        """Expect a head."""
        self._await(_Awaited.HEAD)
        self._parser_spoke = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        if len(self.url) + len(url) > self._limits.url_bytes:
            self._stop(ConnectionRefusal.URL_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers after a body are dropped."""
        if self._awaited is _Awaited.BODY:
            self._trailers += 1
            if self._trailers > self._most_headers:
                self._stop(ConnectionRefusal.HEAD_TOO_LARGE)
            return
        if len(self.headers) >= self._most_headers:
            self._stop(ConnectionRefusal.HEAD_TOO_LARGE)
        name = name.lower()  # the rest is what uvicorn does, without a second call for each header
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start the request, if it is one that may start."""
        size = len(self.url) + sum(map(len, chain.from_iterable(self.headers)))
        if size > self._limits.head_bytes:
            self._stop(ConnectionRefusal.HEAD_TOO_LARGE)
        if len(self.pipeline) >= self._limits.pipelined:
            self._stop(ConnectionRefusal.TOO_MANY_PIPELINED)
        self._await(_Awaited.BODY)
        self._parser_spoke = True
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Called by httptools when a piece of a body begins."""
        self._parser_spoke = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body, or discard it if the request was answered already."""
        self._parser_spoke = True
        if self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > self._limits.unread_bytes:
                self._stop(ConnectionRefusal.BODY_NOT_WANTED)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Called by httptools when the request is complete."""
        self._await(_Awaited.NOTHING)
        self._parser_spoke = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Continue with pipelined requests, or wait for more; uvicorn sets a new timer after each answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._end_idleness_after(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for long enough, and check again later if not."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None or self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._end_idleness_after(left)
        else:
            self.transport.close()

    def _end_idleness_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def check_patience(self, now: float) -> None:
        """Close the connection if its client has used up its time."""
        if self._is_answer_left(now):
            REFUSED.labels(reason=ConnectionRefusal.ANSWER_NOT_TAKEN.code).inc()
            self.transport.abort()
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self._awaited is _Awaited.NOTHING or self.flow.read_paused:
            self._since = now
        elif self._awaited is _Awaited.BODY:
            if now - self._since > self._limits.body_seconds:
                self._refuse(ConnectionRefusal.BODY_TOO_SLOW)
        elif is_answering:  # the next request was begun early: its time begins when this one is answered
            self._since = now
        elif now - self._since > self._limits.head_seconds:
            self._refuse(ConnectionRefusal.HEAD_TOO_SLOW)

    def _await(self, awaited: _Awaited) -> None:
        self._awaited = awaited
        self._since = self._now
        self._head_bytes = self._quiet_bytes = self._trailers = self._discarded_bytes = 0

    def _count(self, size: int, was_awaited: _Awaited) -> None:
        """Count a chunk for which the parser reported nothing: it keeps such bytes until a header is complete."""
        if self._awaited is not was_awaited or self._parser_spoke:
            self._quiet_bytes = 0
            return
        if self._awaited is _Awaited.HEAD:
            self._head_bytes += size
        else:
            self._quiet_bytes += size
        if max(self._head_bytes, self._quiet_bytes) > self._limits.head_bytes:
            is_url = self._awaited is _Awaited.HEAD and not self.headers and self.url
            self._refuse(ConnectionRefusal.URL_TOO_LONG if is_url else ConnectionRefusal.HEAD_TOO_LARGE)

    def _stop(self, refusal: ConnectionRefusal) -> None:
        """Stop the parser; `data_received` answers."""
        self._refusal = refusal
        raise _Stop

    def _refuse(self, refusal: ConnectionRefusal) -> None:
        """Answer, if an answer is still possible, and close."""
        self._refusal = refusal
        REFUSED.labels(reason=refusal.code).inc()
        log.debug("connection_refused", reason=refusal.code)
        has_begun = self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started
        is_silent = refusal is ConnectionRefusal.HEAD_TOO_SLOW and not self._has_sent_anything
        if not (has_begun or is_silent or self.transport.is_closing()):
            self.transport.write(refusal.answer())
        self.transport.close()

    @property
    def _has_sent_anything(self) -> bool:
        return getattr(self, "url", None) is not None or self._head_bytes > 0

    def _is_answer_left(self, now: float) -> bool:
        """Return whether the client has taken nothing of its answer for too long."""
        waiting = self.transport.get_write_buffer_size()
        before, since = self._untaken
        if not waiting or waiting <= before - _LEAST_PROGRESS_BYTES or not before:
            self._untaken = (waiting, now)
            return False
        if waiting > before:  # more of the answer was added meanwhile
            self._untaken = (waiting, since)
        return now - since > self._limits.answer_seconds
