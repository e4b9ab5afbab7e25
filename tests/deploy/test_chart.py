"""What the chart renders: valid for Kubernetes, safe by default, and true to libs/platform."""

import json
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import kubernetes_validate
import pytest
from automix_ops.credentials import names
from automix_platform.environment import Source, variables
from automix_platform.processes import PROCESSES, Process, Scale

from .conftest import CHART, EXTERNAL, ROOT, VARIANTS, Objects, Render

# Kinds of the operators that the chart may use: KEDA's and Prometheus's own schemas are not Kubernetes'.
FOREIGN = {"ScaledObject", "TriggerAuthentication", "PodMonitor"}
FIXED_AT_START = {"DATABASE_PASSWORD"}
"""Given to the kubelet, which puts it into the connection string."""


def of_kind(objects: Objects, *kinds: str) -> Objects:
    return [found for found in objects if found["kind"] in kinds]


def pods(objects: Objects) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{found['kind']}/{found['metadata']['name']}", found["spec"]["template"]["spec"])
        for found in of_kind(objects, "Deployment", "StatefulSet", "Job")
    ]


def deployment(objects: Objects, process: Process) -> dict[str, Any]:
    (found,) = [
        found
        for found in of_kind(objects, "Deployment")
        if found["metadata"]["labels"]["app.kubernetes.io/component"] == process.name
    ]
    return found


def container(objects: Objects, process: Process) -> dict[str, Any]:
    (only,) = deployment(objects, process)["spec"]["template"]["spec"]["containers"]
    return dict(only)


@pytest.fixture(params=VARIANTS)
def objects(request: pytest.FixtureRequest, render: Render) -> Objects:
    return render(*VARIANTS[request.param])


def test_objects_are_valid(objects: Objects) -> None:
    for found in objects:
        if found["kind"] not in FOREIGN:
            kubernetes_validate.validate(found, "1.34", strict=True)


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_objects_are_valid_for_older_and_newer_clusters(render: Render, version: str) -> None:
    for found in render(*VARIANTS["keda"]):
        if found["kind"] not in FOREIGN:
            kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("example", sorted(path.name for path in (CHART / "examples").glob("*.yaml")))
def test_examples_render(render: Render, example: str) -> None:
    assert of_kind(render(options=("--values", str(CHART / "examples" / example))), "Deployment")


def test_lint_finds_nothing(helm: str) -> None:
    for values in VARIANTS.values():
        settings = [part for value in values for part in ("--set", value)]
        done = subprocess.run(
            [helm, "lint", "--strict", str(CHART), *settings], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_two_renderings_are_the_same_bytes(helm: str) -> None:
    command = [helm, "template", "mix", str(CHART), "--set", "dev.enabled=true"]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert first == second


@pytest.mark.parametrize("generator", ["deploy/k8s/generate.py --check", "deploy/docker/requirements.py check"])
def test_what_is_generated_is_up_to_date(generator: str) -> None:
    done = subprocess.run([sys.executable, *generator.split()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", range(len(EXTERNAL)))
def test_a_server_that_is_not_named_is_asked_for(render: Render, missing: int) -> None:
    name = EXTERNAL[missing].partition("=")[0]
    with pytest.raises(ValueError, match=re.escape(name)):
        render(*(value for index, value in enumerate(EXTERNAL) if index != missing))


def test_a_tag_that_moves_is_refused(render: Render) -> None:
    with pytest.raises(ValueError, match="name a version"):
        render(*EXTERNAL, "image.tag=latest")


class TestPods:
    def test_none_runs_as_root_or_may_become_it(self, objects: Objects) -> None:
        for name, pod in pods(objects):
            assert pod["securityContext"]["runAsNonRoot"], name
            assert pod["securityContext"]["runAsUser"] >= 10_000, name
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
            for found in pod["containers"]:
                security = found["securityContext"]
                assert not security["allowPrivilegeEscalation"], name
                assert security["readOnlyRootFilesystem"], name
                assert security["capabilities"] == {"drop": ["ALL"]}, name

    def test_only_what_gives_a_volume_away_is_root_and_only_when_asked(self, render: Render) -> None:
        found = pods(render("dev.enabled=true", "dev.chownVolumes=true"))
        first = {name: pod["initContainers"] for name, pod in found if "initContainers" in pod}
        assert len(first) == 3
        for name, containers in first.items():
            assert [one["securityContext"]["capabilities"]["add"] for one in containers] == [["CHOWN"]], name
        assert not any("initContainers" in pod for _, pod in pods(render("dev.enabled=true")))

    def test_none_but_the_maker_of_credentials_may_speak_to_the_cluster(self, objects: Objects) -> None:
        for name, pod in pods(objects):
            assert pod["automountServiceAccountToken"] == ("-credentials-" in name), name
            assert pod["serviceAccountName"], name

    def test_each_has_requests_and_limits(self, objects: Objects) -> None:
        for name, pod in pods(objects):
            for found in pod["containers"]:
                for kind in ("requests", "limits"):
                    assert {"cpu", "memory", "ephemeral-storage"} <= found["resources"][kind].keys(), name

    def test_temporary_files_are_bounded(self, objects: Objects) -> None:
        for name, pod in pods(objects):
            for volume in pod["volumes"]:
                if "emptyDir" in volume:
                    assert volume["emptyDir"]["sizeLimit"], name

    def test_images_have_a_version(self, objects: Objects) -> None:
        for name, pod in pods(objects):
            for found in pod["containers"]:
                assert re.search(r":(?!latest)[\w.-]+$", found["image"]), name

    def test_no_secret_stands_in_a_manifest(self, objects: Objects) -> None:
        assert not of_kind(objects, "Secret")


class TestProcesses:
    def test_each_of_the_table_has_a_deployment(self, objects: Objects) -> None:
        assert {
            found["metadata"]["labels"]["app.kubernetes.io/component"] for found in of_kind(objects, "Deployment")
        } == {process.name for process in PROCESSES}

    @pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
    def test_its_environment_is_settings_and_all_that_are_required(self, objects: Objects, process: Process) -> None:
        module, _, kind = process.settings.partition(":")
        fields = getattr(import_module(module), kind).model_fields
        known = {f"AUTOMIX_{name.upper()}" for name in fields}
        required = {f"AUTOMIX_{name.upper()}" for name, field in fields.items() if field.is_required()}
        given = [variable["name"] for variable in container(objects, process)["env"]]
        assert len(given) == len(set(given))
        assert set(given) - known <= FIXED_AT_START
        assert required <= set(given)

    @pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
    def test_it_is_given_its_own_credentials_and_nobody_elses(self, objects: Objects, process: Process) -> None:
        own = {f"nats-{process.name}", f"s3-{process.name}-access", f"s3-{process.name}-secret"}
        if process.schema is not None:
            own.add(f"postgres-{process.schema.name}")
        for variable in container(objects, process)["env"]:
            if "valueFrom" in variable:
                assert variable["valueFrom"]["secretKeyRef"]["key"] in own

    @pytest.mark.parametrize("process", [p for p in PROCESSES if p.port], ids=lambda process: process.name)
    def test_three_probes_ask_three_questions(self, objects: Objects, process: Process) -> None:
        found = container(objects, process)
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= found.keys()
        assert found["livenessProbe"] != found["readinessProbe"]

    def test_probes_ask_the_same_under_tls(self, render: Render) -> None:
        for process in (process for process in PROCESSES if process.port):
            plain, sealed = (container(render(*VARIANTS[name]), process) for name in ("external", "tls"))
            opened = {port["containerPort"] for port in sealed["ports"]}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert plain[probe].keys() == sealed[probe].keys(), process.name
                asked = sealed[probe].get("grpc") or sealed[probe]["httpGet"]
                assert asked["port"] in opened
                if "grpc" in sealed[probe]:
                    assert asked["service"] == plain[probe]["grpc"]["service"]
                else:
                    assert asked["scheme"] == "HTTPS"

    def test_workers_are_left_to_their_scaler(self, render: Render) -> None:
        (worker,) = [process for process in PROCESSES if process.scale is Scale.QUEUE]
        for kind in ("keda", "hpa"):
            assert "replicas" not in deployment(render(*EXTERNAL, f"scaling.kind={kind}"), worker)["spec"]
        assert deployment(render(*EXTERNAL, "scaling.min=3"), worker)["spec"]["replicas"] == 3

    def test_keda_leaves_workers_behind(self, render: Render) -> None:
        """It leaves none when its queue is empty, and neither an HPA nor anything else would bring the first again."""
        (scaled,) = of_kind(render(*EXTERNAL, "scaling.kind=keda"), "ScaledObject")
        assert scaled["spec"]["advanced"]["restoreToOriginalReplicaCount"] is True

    def test_what_is_set_for_one_reaches_only_it(self, render: Render) -> None:
        objects = render(
            *EXTERNAL, "processes.media.env.AUTOMIX_MAX_DOWNLOADS=5", "processes.media.nodeSelector.disk=fast"
        )
        for process in PROCESSES:
            spec = deployment(objects, process)["spec"]["template"]["spec"]
            assert (spec.get("nodeSelector") == {"disk": "fast"}) == (process.name == "media")
            names_of_variables = [variable["name"] for variable in spec["containers"][0]["env"]]
            assert ("AUTOMIX_MAX_DOWNLOADS" in names_of_variables) == (process.name == "media")


class TestJobs:
    def test_a_new_version_has_new_jobs(self, render: Render) -> None:
        first, second = (
            {found["metadata"]["name"] for found in of_kind(render(*EXTERNAL, f"image.tag={tag}"), "Job")}
            for tag in ("1.0.0", "1.1.0")
        )
        assert first.isdisjoint(second)

    def test_none_is_a_hook(self, objects: Objects) -> None:
        for found in objects:
            assert "helm.sh/hook" not in found["metadata"].get("annotations", {}), found["metadata"]["name"]

    def test_every_schema_is_migrated(self, objects: Objects) -> None:
        (job,) = [found for found in of_kind(objects, "Job") if "-migrate-" in found["metadata"]["name"]]
        schemas = {process.schema.name for process in PROCESSES if process.schema}
        assert {found["name"] for found in job["spec"]["template"]["spec"]["containers"]} == schemas

    def test_credentials_that_exist_are_not_made(self, render: Render) -> None:
        objects = render(*VARIANTS["existing-secret"])
        assert not of_kind(objects, "Role", "RoleBinding")
        assert not [found for found in of_kind(objects, "Job") if "credentials" in found["metadata"]["name"]]


class TestNetworkPolicies:
    def test_every_pod_is_closed_but_for_what_is_drawn(self, render: Render) -> None:
        objects = render("dev.enabled=true")
        closed = next(
            found for found in of_kind(objects, "NetworkPolicy") if found["metadata"]["name"] == "mix-automix"
        )
        assert closed["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert "ingress" not in closed["spec"]

    def test_arrows_are_those_of_the_table(self, render: Render) -> None:
        policies = {
            found["metadata"]["name"].removeprefix("mix-automix-"): found["spec"]
            for found in of_kind(render("dev.enabled=true"), "NetworkPolicy")
        }
        for process in PROCESSES:
            reached = {
                "public network"
                if "ipBlock" in peer
                else peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
                for rule in policies[process.name].get("egress") or []
                for peer in rule["to"]
            }
            servers = {
                "postgres": process.schema is not None,
                "nats": process.messaging is not None,
                "s3": any(variable.source is Source.S3_ENDPOINT for variable in variables(process)),
                "public network": process.dials_out,
            }
            assert reached == {*process.calls, *(name for name, used in servers.items() if used)}

    def test_ports_are_those_that_containers_open(self, render: Render) -> None:
        objects = render("dev.enabled=true", "nodePorts.auth=30051")
        opened = {
            port["containerPort"]
            for _, pod in pods(objects)
            for found in pod["containers"]
            for port in found.get("ports", [])
        }
        for found in of_kind(objects, "NetworkPolicy"):
            for rule in found["spec"].get("ingress") or []:
                for port in rule["ports"]:
                    assert port["port"] in opened, found["metadata"]["name"]


def test_an_upgrade_may_leave_the_trial_servers_running(render: Render) -> None:
    before, after = (
        of_kind(render("dev.enabled=true", *values), "StatefulSet")
        for values in (("image.tag=1.0.0",), ("image.tag=1.1.0", "dev.tag=1.0.0"))
    )
    assert before == after


def test_the_secret_has_every_key_that_a_pod_asks_for(render: Render) -> None:
    text = json.dumps(render("dev.enabled=true", "scaling.kind=keda"))
    asked = set(re.findall(r'"key": "([\w-]+)"', text))
    assert {key for key in asked if re.match(r"(postgres|nats|s3)-", key)} <= set(names())


def test_the_gateway_is_reached_by_an_ingress_or_a_route(render: Render) -> None:
    (ingress,) = of_kind(render(*VARIANTS["ingress"]), "Ingress")
    objects = render(
        *EXTERNAL,
        "gateway.httpRoute.host=mix.example",
        "gateway.httpRoute.parentRefs[0].name=edge",
        options=("--api-versions", "gateway.networking.k8s.io/v1/HTTPRoute"),
    )
    (route,) = of_kind(objects, "HTTPRoute")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    services = {found["metadata"]["name"]: found["spec"] for found in of_kind(objects, "Service")}
    assert path["backend"]["service"]["name"] == backend["name"]
    assert [port["port"] for port in services[backend["name"]]["ports"]] == [backend["port"]]


def test_prometheus_is_told_only_where_it_is(render: Render) -> None:
    assert not of_kind(render(*EXTERNAL), "PodMonitor")
    known = ("--api-versions", "monitoring.coreos.com/v1/PodMonitor")
    assert of_kind(render(*EXTERNAL, options=known), "PodMonitor")
