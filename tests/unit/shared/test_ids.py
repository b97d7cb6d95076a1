"""Identifiers are reproducible, ordered by time, and hard to guess."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared import ids
from shared.testing.clock import START

instants = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1)).map(  # noqa: DTZ001 - hypothesis wants naive bounds
    lambda naive: naive.replace(tzinfo=UTC)
)


def test_the_same_cause_makes_the_same_id_and_another_cause_another() -> None:
    assert ids.derived("follow-up", "a", 1, at=START) == ids.derived("follow-up", "a", 1, at=START)
    assert ids.derived("follow-up", "a", 1, at=START) != ids.derived("follow-up", "a", 2, at=START)
    assert ids.derived("follow-up", "a", at=START) != ids.derived("enrollment", "a", at=START)


def test_parts_do_not_run_into_each_other() -> None:
    assert ids.derived("x", "ab", "c", at=START) != ids.derived("x", "a", "bc", at=START)


@given(first=instants, later=st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=9999)))
def test_ids_rise_with_the_time_of_their_cause(first: datetime, later: timedelta) -> None:
    assert ids.derived("x", 1, at=first) < ids.derived("x", 1, at=first + later)
    assert ids.minted(first) < ids.minted(first + later)


def test_versions_and_variants_follow_the_rfc() -> None:
    assert ids.derived("x", at=START).version == 8
    assert ids.minted(START).version == 7
    assert ids.minted(START).variant == ids.derived("x", at=START).variant == "specified in RFC 4122"


def test_minted_ids_and_codes_differ_each_time() -> None:
    assert len({ids.minted(START) for _ in range(1000)}) == 1000
    assert len({ids.code(10) for _ in range(100)}) == 100
    assert all(len(ids.code(12)) == 12 for _ in range(3))


_FORK = """
import os
from datetime import UTC, datetime
from shared import ids
at = datetime(2026, 1, 1, tzinfo=UTC)
ids.minted(at)
child = os.fork()
os.write(1, "".join(f"{ids.minted(at)} " for _ in range(50)).encode())
if child:
    os.waitpid(child, 0)
"""


def test_a_process_that_was_forked_mints_other_ids_than_its_parent() -> None:
    reported = subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert len(set(reported.stdout.split())) == 100


def test_threads_mint_different_ids() -> None:
    with ThreadPoolExecutor(4) as pool:
        minted = pool.map(lambda _: [ids.minted(START) for _ in range(2000)], range(4))
        assert len({one for some in minted for one in some}) == 8000
