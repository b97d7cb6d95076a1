"""What takes long runs beside the event loop, and what a document may hold is bounded before it is read."""

import threading
from collections.abc import Callable

import orjson
import pytest

from shared.http import strict_json
from shared.worker_thread import SMALL_BYTES, in_worker_thread


async def test_large_work_leaves_the_loop_to_others_and_small_work_is_done_at_once() -> None:
    here = threading.get_ident()
    assert await in_worker_thread(threading.get_ident, SMALL_BYTES) == here
    assert await in_worker_thread(threading.get_ident, SMALL_BYTES + 1) != here


async def test_what_large_work_raises_is_raised_to_its_caller() -> None:
    def fail() -> None:
        raise KeyError("missing")

    for size in (1, SMALL_BYTES + 1):
        with pytest.raises(KeyError):
            await in_worker_thread(fail, size)


@pytest.mark.parametrize(
    "body",
    [lambda count: b"[" + b"[]," * count + b"[]]", lambda count: orjson.dumps([{"a": 1}] * (count // 2 + 1))],
    ids=["lists", "members"],
)
def test_a_document_with_more_members_than_anybody_says_is_not_looked_through(body: Callable[[int], bytes]) -> None:
    assert strict_json.read(body(strict_json.MOST_MEMBERS // 2)) is not None
    with pytest.raises(strict_json.TooManyMembers):
        strict_json.read(body(strict_json.MOST_MEMBERS))
