"""deploy/kubernetes against the schemas of Kubernetes itself, and against what the service needs."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from imageapi import __version__
from tests.stack import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
SCHEMAS = ("1.33", "1.37")


def load(file: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((FOLDER / file).read_text()) if document]


KUSTOMIZATION = load("kustomization.yaml")[0]
RESOURCES = [
    pytest.param(resource, id=f"{resource['kind']}-{resource['metadata']['name']}")
    for file in KUSTOMIZATION["resources"]
    for resource in load(file)
]
ALL = [parameter.values[0] for parameter in RESOURCES]


def of_kind(*kinds: str) -> list[Any]:
    return [parameter for parameter in RESOURCES if parameter.values[0]["kind"] in kinds]


@pytest.mark.parametrize("version", SCHEMAS)
@pytest.mark.parametrize("resource", RESOURCES)
def test_each_resource_is_what_kubernetes_takes(resource: dict[str, Any], version: str) -> None:
    if resource["apiVersion"].startswith("keda.sh/"):
        pytest.skip("KEDA's own kind: looked at below")
    kubernetes_validate.validate(resource, version, strict=True)


def test_every_file_is_named_and_nothing_is_named_twice() -> None:
    listed = KUSTOMIZATION["resources"]
    assert sorted(listed) == sorted(f.name for f in FOLDER.glob("*.yaml") if f.name != "kustomization.yaml")
    names = [(resource["kind"], resource["metadata"]["name"]) for resource in ALL]
    assert len(names) == len(set(names))
    assert KUSTOMIZATION["images"][0]["newTag"] == __version__


@pytest.mark.parametrize("resource", of_kind("Deployment", "Job"))
def test_no_pod_has_more_power_than_it_needs(resource: dict[str, Any]) -> None:
    pod = resource["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= container["resources"].keys()


@pytest.mark.parametrize("resource", of_kind("PodDisruptionBudget", "NetworkPolicy", "Service"))
def test_every_selector_finds_pods(resource: dict[str, Any]) -> None:
    spec = resource["spec"]
    wanted = spec.get("podSelector", spec.get("selector", {}))
    wanted = wanted.get("matchLabels", wanted)
    if resource["metadata"]["name"] in ("nobody", "default"):
        assert not wanted
        return
    pods = [r["spec"]["template"]["metadata"]["labels"] for r in ALL if r["kind"] in ("Deployment", "Job")]
    assert any(wanted.items() <= labels.items() for labels in pods)


def test_the_processes_are_those_of_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    deployments = {r["metadata"]["name"]: r["spec"] for r in ALL if r["kind"] == "Deployment"}
    assert deployments.keys() == {"web", "worker", "fetcher", "beat", "pgbouncer"}
    for name in ("worker", "fetcher", "beat"):
        [container] = deployments[name]["template"]["spec"]["containers"]
        there = [argument for argument in compose[name]["command"] if "IMAGEAPI_WORKERS" not in argument]
        assert sorted(argument for argument in container["command"] if argument != "2") == sorted(there)
    assert deployments["beat"]["replicas"] == 1
    assert deployments["beat"]["strategy"] == {"type": "Recreate"}


def test_workers_grow_with_the_age_of_the_queue() -> None:
    [scaled] = [resource for resource in ALL if resource["kind"] == "ScaledObject"]
    [trigger] = scaled["spec"]["triggers"]
    assert scaled["spec"]["scaleTargetRef"] == {"name": "worker"}
    assert "imageapi_oldest_unfinished_seconds" in trigger["metadata"]["query"]
