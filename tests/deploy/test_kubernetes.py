"""The manifests: valid, equal where they must be, and naming only what exists."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml

from services.cli import doctor as _  # noqa: F401 - with it every settings class is declared
from shared.config.lint import lint
from shared.settings import every_setting
from shared.vocabulary import service_names
from tests.deploy.documents import BASE, EXAMPLE, SERVICES, manifests, of_kind
from tests.deploy.programs import program, run

RESOURCES = manifests(BASE)
WORKLOADS = of_kind(RESOURCES, "Deployment", "StatefulSet", "Job")
SERVING = of_kind(RESOURCES, "Deployment", "StatefulSet")
BY_SERVICE = pytest.mark.parametrize("workload", SERVING, ids=lambda each: str(each["metadata"]["name"]))
BY_WORKLOAD = pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: str(each["metadata"]["name"]))
VERSION = kubernetes_validate.latest_version()


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    """Return the pod that a workload makes."""
    template: dict[str, Any] = workload["spec"]["template"]
    return template


def container(workload: dict[str, Any]) -> dict[str, Any]:
    """Return the one container of a workload."""
    [found] = pod(workload)["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_every_manifest_satisfies_the_api(resource: dict[str, Any]) -> None:
    kubernetes_validate.validate(resource, VERSION, strict=True)


def test_a_manifest_with_a_slip_does_not() -> None:
    resource = {**SERVING[0], "spec": {**SERVING[0]["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(resource, VERSION, strict=True)


def test_every_file_is_part_of_the_base() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert set(listed) == {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}


def test_every_service_runs_and_can_be_reached_and_is_not_drained_at_once() -> None:
    assert [each["metadata"]["name"] for each in SERVING] == sorted(SERVICES)
    for kind in ("Service", "PodDisruptionBudget"):
        assert set(SERVICES) <= {each["metadata"]["name"] for each in of_kind(RESOURCES, kind)}


@BY_SERVICE
def test_a_service_has_a_name_that_outlives_a_restart_unless_any_replica_will_do(workload: dict[str, Any]) -> None:
    named = [each for each in container(workload)["env"] if each["name"] == "FOLLOWUP_INSTANCE"]
    if workload["metadata"]["name"] == "ingest":
        assert (workload["kind"], named) == ("Deployment", [])
    else:
        assert workload["kind"] == "StatefulSet"
        assert named[0]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


@BY_SERVICE
def test_a_pod_is_selected_by_its_service_and_its_budget(workload: dict[str, Any]) -> None:
    labels = pod(workload)["metadata"]["labels"]
    name = workload["metadata"]["name"]
    assert workload["spec"]["selector"]["matchLabels"] == labels
    for resource in of_kind(RESOURCES, "Service"):
        if resource["metadata"]["name"] in {name, f"{name}-members"}:
            assert resource["spec"]["selector"] == labels
    [budget] = [each for each in of_kind(RESOURCES, "PodDisruptionBudget") if each["metadata"]["name"] == name]
    assert budget["spec"]["selector"]["matchLabels"] == labels


@BY_SERVICE
def test_a_service_is_probed_at_its_own_endpoints(workload: dict[str, Any]) -> None:
    found = container(workload)
    assert found["args"] == ["serve", workload["metadata"]["name"]]
    assert found["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert found["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert found["readinessProbe"]["httpGet"]["path"] == "/readyz"


@BY_WORKLOAD
def test_a_pod_may_do_nothing_it_need_not(workload: dict[str, Any]) -> None:
    spec = pod(workload)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(workload)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container(workload)["resources"]["limits"]["memory"]


@BY_SERVICE
def test_the_services_differ_only_where_they_must(workload: dict[str, Any]) -> None:
    """What one file says of a pod, every file says."""

    def neutral(each: dict[str, Any]) -> str:
        name = each["metadata"]["name"]
        text = re.sub(rf"(?<!/)\b{name}\b", "SERVICE", yaml.safe_dump(pod(each)).replace(name.upper(), "SERVICE"))
        kept = yaml.safe_load(text)
        [only] = kept["spec"]["containers"]
        only["env"] = [entry for entry in only["env"] if entry["name"] == "FOLLOWUP_SERVICE_DATABASE_URL"]
        items = kept["spec"]["volumes"][0]["secret"]["items"]
        kept["spec"]["volumes"][0]["secret"]["items"] = [item for item in items if item["key"] == "operator-token"]
        kept["spec"]["volumes"] = [
            {**volume, "emptyDir": {}} if volume["name"] == "tmp" else volume for volume in kept["spec"]["volumes"]
        ]  # the console's holds an uploaded file
        return yaml.safe_dump(kept)

    assert neutral(workload) == neutral(SERVING[0])


@BY_WORKLOAD
def test_a_pod_gets_the_secrets_of_no_other_service(workload: dict[str, Any]) -> None:
    name = workload["metadata"]["name"]
    refs = [
        each["valueFrom"]["secretKeyRef"]["name"] for each in container(workload)["env"] if "DATABASE" in each["name"]
    ]
    if name == "migrate":
        assert set(refs) == {f"followup-database-{each}" for each in (*SERVICES, "admin")}
    else:
        assert refs == [f"followup-database-{name}"]
    keys = {item["key"] for item in pod(workload)["spec"]["volumes"][0]["secret"]["items"]}
    assert ("ledger-key.pem" in keys) == (name == "compliance")
    assert ("console-key.pem" in keys) == (name == "console")
    assert ("keyring.json" in keys) == (name != "console")


def test_every_setting_given_exists() -> None:
    assert service_names.SERVICES == SERVICES
    given = {name for each in of_kind(RESOURCES, "ConfigMap") for name in each["data"]}
    given |= {each["name"] for workload in WORKLOADS for each in container(workload)["env"]}
    overlay = (EXAMPLE / "kustomization.yaml").read_text(encoding="utf-8")
    given |= set(re.findall(r"^\s+- (FOLLOWUP_\w+)=", overlay, re.MULTILINE))
    known = {entry.variable for entry in every_setting()} | {
        f"FOLLOWUP_{each.upper()}_DATABASE_URL" for each in SERVICES
    }
    assert given - known == set()


def test_everybody_is_shut_out_and_in_and_only_three_services_reach_the_world() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(RESOURCES, "NetworkPolicy")}
    nothing = policies["followup-nothing"]
    assert set(nothing["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in nothing
    assert "egress" not in nothing
    for workload in WORKLOADS:
        assert nothing["podSelector"]["matchLabels"].items() <= pod(workload)["metadata"]["labels"].items()
    world = [
        spec["podSelector"]["matchLabels"].get("app.kubernetes.io/component")
        for spec in policies.values()
        if any(port["port"] == 443 for rule in spec.get("egress", []) for port in rule["ports"])
    ]
    assert world == ["sender", "connectors", "console"]


def test_the_shop_of_the_example_is_in_order() -> None:
    assert lint(EXAMPLE / "merchants") == []


@pytest.mark.connected
def test_the_example_can_be_built_and_is_valid(tmp_path: Path) -> None:
    built = run(program("kubectl", package="kubernetes-client"), "kustomize", str(EXAMPLE))
    resources = [each for each in yaml.safe_load_all(built) if each]
    for resource in resources:
        kubernetes_validate.validate(resource, VERSION, strict=True)
    assert {each["metadata"].get("namespace", "followup") for each in resources} == {"followup"}
    assert all(each["spec"]["rules"][0]["host"] == "sms.acme.example" for each in of_kind(resources, "Ingress"))
    [configuration] = [each for each in of_kind(resources, "ConfigMap") if "FOLLOWUP_PUBLIC_URL" in each["data"]]
    assert configuration["data"]["FOLLOWUP_KAFKA_SECURITY"] == "sasl_tls"
    assert configuration["data"]["FOLLOWUP_KAFKA_PARTITIONS"] == "12"
    files = {path.relative_to(EXAMPLE / "merchants").as_posix() for path in EXAMPLE.rglob("acme/**/*.yaml")}
    for workload in of_kind(resources, "Deployment", "StatefulSet"):
        assert container(workload)["image"] == "registry.example/followup:0.1.0"
        assert container(workload)["envFrom"][0]["configMapRef"]["name"] == configuration["metadata"]["name"]
        [merchants] = [each for each in pod(workload)["spec"]["volumes"] if each["name"] == "merchants"]
        assert {item["path"] for item in merchants["configMap"]["items"]} == files
