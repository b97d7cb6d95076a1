"""Each path is routed to the service that owns it, and internal paths are not routed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.demo.environment import running_demo
from tests.deploy.documents import BASE, SERVICES, manifests, of_kind
from tests.deploy.routing import Nginx, ingress_owner, ingress_rules, paths_of, visited

INTERNAL = [
    "/metrics",
    "/healthz",
    "/readyz",
    "/docs",
    "/openapi.json",
    "/2010-04-01/Accounts/AC0/Messages.json",
    "/",
]
RULES = ingress_rules(of_kind(manifests(BASE), "Ingress"))
PUBLIC = {"/v1/webhooks", "/v1/providers", "/r", "/preferences"}


@pytest.fixture
async def owners(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Every path that a service's own routers serve, with the service."""
    async with running_demo(tmp_path / "demo") as running:
        yield {
            visited(path): service.name
            for service in running.application.services
            for router in service.routers
            for path in paths_of(router.routes)
            if path != "/"  # a help to who types the bare address of one process; an ingress has its own
        }


async def test_every_service_has_paths_and_no_two_share_one(owners: dict[str, str]) -> None:
    assert set(owners.values()) == set(SERVICES)
    assert len(owners) > 30


async def test_nginx_leads_every_path_to_its_owner(owners: dict[str, str]) -> None:
    nginx = Nginx.of_compose()
    assert {path: nginx.owner(path) for path in owners} == owners


async def test_the_ingress_leads_every_path_to_its_owner(owners: dict[str, str]) -> None:
    assert {path: ingress_owner(RULES, path) for path in owners} == owners


async def test_no_path_of_the_ingress_leads_to_a_service_that_serves_nothing_there(owners: dict[str, str]) -> None:
    served = {
        (prefix, service) for prefix, service in RULES for path in owners if ingress_owner([(prefix, "")], path) == ""
    }
    assert served == set(RULES)


@pytest.mark.parametrize("path", INTERNAL)
def test_nothing_internal_is_led_anywhere(path: str) -> None:
    assert Nginx.of_compose().owner(path) is None
    assert ingress_owner(RULES, path) is None


def test_only_what_platforms_providers_and_people_need_is_on_the_public_port() -> None:
    [public] = [each for each in of_kind(manifests(BASE), "Ingress") if each["metadata"]["name"] == "followup-public"]
    assert {path for path, _ in ingress_rules([public])} == PUBLIC


def test_the_ingress_reads_no_path_by_another_rule_than_the_one_tested_here() -> None:
    kinds = {
        path["pathType"]
        for ingress in of_kind(manifests(BASE), "Ingress")
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert kinds == {"Prefix"}
    assert "~" not in Nginx.of_compose().world


def test_every_upstream_is_a_service_of_the_compose_file() -> None:
    assert set(Nginx.of_compose().upstreams) == {*SERVICES, "simulator"}
    assert all(f"//{name}:" in address for name, address in Nginx.of_compose().upstreams.items())
