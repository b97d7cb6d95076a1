"""The body limit: a larger body is refused before anybody reads it, with or without a Content-Length."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import HTTPProblem


class BodyLimit:
    """ASGI middleware that answers 413 for bodies over a limit."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it reads."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not announced.isdigit() or int(announced) > self._max_bytes:
            await self._refusal()(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                raise self._problem()
            return message

        await self._app(scope, counted, send)

    def _problem(self) -> HTTPProblem:
        return HTTPProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", f"bodies end at {self._max_bytes} bytes here"
        )

    def _refusal(self) -> ASGIApp:
        return self._problem().response()
