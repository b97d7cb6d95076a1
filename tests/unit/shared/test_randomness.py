"""Randomness that is drawn for many uses at once is handed out once."""

import os
from concurrent.futures import ThreadPoolExecutor

from shared.randomness import Pool


def test_no_two_threads_are_given_the_same() -> None:
    pool = Pool(8)
    with ThreadPoolExecutor(4) as threads:
        taken = [one for many in threads.map(lambda _: [pool.take() for _ in range(2_000)], range(4)) for one in many]
    assert len(set(taken)) == len(taken) == 8_000
    assert {len(one) for one in taken} == {8}


def test_a_forked_process_is_given_none_of_what_its_parent_drew() -> None:
    pool = Pool(8)
    pool.take()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(pool.take() for _ in range(300)))
        os._exit(0)
    os.close(writing)
    theirs = b""
    while part := os.read(reading, 65_536):
        theirs += part
    os.close(reading)
    assert os.waitpid(child, 0)[1] == 0
    mine = {pool.take() for _ in range(300)}
    assert len(theirs) == 8 * 300
    assert mine.isdisjoint(theirs[start : start + 8] for start in range(0, len(theirs), 8))
