"""Routers are built at the first look, once."""

from fastapi import APIRouter

from shared.http.lazy_routers import LazyRouters


def test_routers_are_built_at_the_first_look_and_stay_the_same() -> None:
    built: list[APIRouter] = []

    def build() -> list[APIRouter]:
        built.append(APIRouter())
        return built

    routers = LazyRouters(build)
    assert built == []
    assert list(routers) == [routers[0]] == list(routers[:1])
    assert len(routers) == len(built) == 1
