"""Lists come in pages; these go through all of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeVar


class Page(Protocol):
    """An answer that says how to ask for the next one."""

    @property
    def next_cursor(self) -> Any:
        """What to send as `cursor`; None: this was the last page."""


PageT = TypeVar("PageT", bound=Page)


def pages(ask: Callable[..., PageT], **query: Any) -> Iterator[PageT]:
    """Yield each page of a list: `ask` is an operation, `followup.list_messages`, and `query` what it is asked."""
    page = ask(**query)
    yield page
    while page.next_cursor is not None:
        page = ask(**{**query, "cursor": page.next_cursor})
        yield page


async def async_pages(ask: Callable[..., Awaitable[PageT]], **query: Any) -> AsyncIterator[PageT]:
    """Yield each page of a list; the query is that of the operation, as in `pages`."""
    page = await ask(**query)
    yield page
    while page.next_cursor is not None:
        page = await ask(**{**query, "cursor": page.next_cursor})
        yield page
