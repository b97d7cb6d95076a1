"""Which service gets a request: by nginx's rules, by those of a Kubernetes Ingress, and by the services' routes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.deploy.documents import DEPLOY

_LOCATION = re.compile(r"location (= )?(\S+) \{ (?:client_max_body_size \w+; )?(?:proxy_pass \$(\w+)|return (\d+)); \}")
_UPSTREAM = re.compile(r"set \$(\w+) (http://\S+);")


@dataclass(frozen=True, slots=True)
class Nginx:
    """The configuration of nginx, of which only exact and prefix locations are known here."""

    text: str

    @classmethod
    def of_compose(cls) -> "Nginx":
        """Return the one that docker-compose.yml mounts."""
        return cls((DEPLOY / "nginx" / "nginx.conf").read_text(encoding="utf-8"))

    @property
    def upstreams(self) -> Mapping[str, str]:
        """Return the address of each upstream by its name."""
        return dict(_UPSTREAM.findall(self.text))

    @property
    def world(self) -> str:
        """Return the public server."""
        return self.text.split("listen 8080;")[1].split("listen 127.0.0.1:8081;")[0]

    def owner(self, path: str) -> str | None:
        """Return the upstream that gets a path: an exact location first, else the longest prefix."""
        exact = {where: who for equals, where, who, _ in _LOCATION.findall(self.world) if equals}
        if path in exact:
            return exact[path] or None
        prefixes = {where: who for equals, where, who, _ in _LOCATION.findall(self.world) if not equals}
        matching = [where for where in prefixes if path.startswith(where)]
        return prefixes[max(matching, key=len)] or None if matching else None


def ingress_owner(rules: Iterable[tuple[str, str]], path: str) -> str | None:
    """Return the service that gets a path: that of the longest prefix, element by element (pathType Prefix)."""
    wanted = path.strip("/").split("/")
    matching = [
        (len(elements), service)
        for prefix, service in rules
        if wanted[: len(elements := prefix.strip("/").split("/"))] == elements
    ]
    return max(matching)[1] if matching else None


def ingress_rules(ingresses: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return each path of some Ingress resources with the service behind it."""
    return [
        (path["path"], path["backend"]["service"]["name"])
        for ingress in ingresses
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]


def paths_of(routes: Iterable[Any]) -> Iterator[str]:
    """Yield the path of every route of a router, those of routers inside it too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from paths_of(inner.routes)
        elif path := getattr(route, "path", ""):
            yield path


def visited(path: str) -> str:
    """Return a path as requested, with its parameters filled in."""
    return re.sub(r"\{[^}]+\}", "x1", path)
