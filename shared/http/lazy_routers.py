"""Routers that are built when somebody first looks at them."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import overload

from fastapi import APIRouter


class LazyRouters(Sequence[APIRouter]):
    """The routers of a service, each built once: where no HTTP is served, as by `followup redrive`, none is."""

    def __init__(self, build: Callable[[], Sequence[APIRouter]]) -> None:
        """Call `build` at the first look, and never again."""
        self._build = build

    @cached_property
    def _built(self) -> Sequence[APIRouter]:
        return tuple(self._build())

    @overload
    def __getitem__(self, index: int) -> APIRouter: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[APIRouter]: ...

    def __getitem__(self, index: int | slice) -> APIRouter | Sequence[APIRouter]:
        """Return the router at a place, or those of a slice."""
        return self._built[index]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._built)
