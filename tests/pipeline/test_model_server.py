"""The model server as Kubernetes objects."""

from __future__ import annotations

from typing import Any

import pytest

from data.errors import InputError
from pipeline import decode
from pipeline import manifests
from tests.pipeline.manifest_cases import SERVING
from tests.pipeline.manifest_cases import serving
from tests.pipeline.manifest_cases import table
from tests.pipeline.test_manifests import check


def test_server_watches_the_folder_of_models() -> None:
    deployment, service = manifests.render(serving({"replicas": 2}), "")[SERVING]
    assert (deployment["kind"], service["kind"]) == ("Deployment", "Service")
    assert deployment["metadata"] == {
        "name": "synthetic-serving",
        "namespace": "search",
        "labels": {"app.kubernetes.io/name": "synthetic-serving"},
    }
    assert deployment["spec"]["replicas"] == 2
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "ranking"
    assert "volumes" not in pod
    (container,) = pod["containers"]
    assert container["image"] == "tensorflow/serving:2.15.1"
    assert container["args"] == [
        "--port=8500",
        "--rest_api_port=8501",
        "--model_name=synthetic",
        "--model_base_path=gs://bucket/ranking/models/synthetic",
        "--file_system_poll_wait_seconds=30",
    ]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "2Gi"}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/v1/models/synthetic", "port": "rest"}
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert named == {"grpc": 8500, "rest": 8501}
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert {port["targetPort"]: port["port"] for port in service["spec"]["ports"]} == named


def test_server_has_settings_of_its_own() -> None:
    server = {"namespace": "front", "service_account": "reader", "cpu": 0.5, "memory": "1Gi"}
    deployment, _ = manifests.render(serving(server), "")[SERVING]
    assert deployment["metadata"]["namespace"] == "front"
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "reader"
    assert pod["containers"][0]["resources"]["requests"] == {"cpu": "0.5", "memory": "1Gi"}


def test_models_on_a_volume_are_mounted() -> None:
    volumes = [{"claim": "ranking", "mount": "/shared"}]
    on_volume = {"root": "/shared/ranking", "defaults": {"volumes": volumes}}
    deployment, _ = manifests.render(serving({}, **on_volume), "")[SERVING]
    pod = deployment["spec"]["template"]["spec"]
    assert "--model_base_path=/shared/ranking/models/synthetic" in pod["containers"][0]["args"]
    assert pod["containers"][0]["volumeMounts"] == [{"name": "volume-0", "mountPath": "/shared"}]
    assert pod["volumes"] == [
        {"name": "volume-0", "persistentVolumeClaim": {"claimName": "ranking"}}
    ]
    (service,) = manifests.render(serving({"kind": "kserve"}, **on_volume), "")[SERVING]
    uri = service["spec"]["predictor"]["model"]["storageUri"]
    assert uri == "pvc://ranking/ranking/models/synthetic"
    with pytest.raises(InputError) as error:
        manifests.render(serving({}, root="/elsewhere"), "")
    assert str(error.value) == (
        "cluster.nodes.Pusher: no volume holds the models, which are at"
        " '/elsewhere/models/synthetic'"
    )


def test_canaries_have_a_server_of_their_own() -> None:
    tables = table(push={"canary": 0.05}, cluster={"serving": {}})
    one, _, two, service = manifests.render(decode.decode(tables, "my.toml"), "")[SERVING]
    name = "synthetic-canary-serving"
    assert two["metadata"]["name"] == service["metadata"]["name"] == name
    assert service["spec"]["selector"] == {"app.kubernetes.io/name": name}
    pods = [found["spec"]["template"]["spec"]["containers"][0] for found in (one, two)]
    folder = "--model_base_path=gs://bucket/ranking/models/synthetic"
    assert folder in pods[0]["args"]
    assert f"{folder}/canary" in pods[1]["args"]
    assert set(pods[0]) - set(pods[1]) == {"startupProbe", "livenessProbe"}
    check(two)


def test_kserve_has_none() -> None:
    tables = table(push={"canary": 0.05}, cluster={"serving": {"kind": "kserve"}})
    with pytest.raises(InputError) as error:
        manifests.render(decode.decode(tables, "my.toml"), "")
    assert str(error.value) == (
        "cluster.serving.kind: 'kserve' serves no canary; push.canary needs 'tensorflow-serving'"
    )


def test_kserve_has_the_same_model() -> None:
    (service,) = manifests.render(serving({"kind": "kserve", "replicas": 2}), "")[SERVING]
    assert service == {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "synthetic",
            "namespace": "search",
            "labels": {"app.kubernetes.io/name": "synthetic-serving"},
        },
        "spec": {
            "predictor": {
                "serviceAccountName": "ranking",
                "minReplicas": 2,
                "model": {
                    "modelFormat": {"name": "tensorflow"},
                    "runtimeVersion": "2.15.1",
                    "storageUri": "gs://bucket/ranking/models/synthetic",
                    "resources": {
                        "limits": {"cpu": "1", "memory": "2Gi"},
                        "requests": {"cpu": "1", "memory": "2Gi"},
                    },
                },
            }
        },
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"serving": {"kind": "kserv"}},
            "serving: kind: expected one of tensorflow-serving, kserve; found 'kserv'."
            " Did you mean 'kserve'?",
        ),
        (
            {"serving": {"image": "tensorflow/serving"}},
            "serving: image must be pinned by a tag, such as 'tensorflow/serving:2.15.1',"
            " found 'tensorflow/serving'",
        ),
        (
            {"serving": {"image": "tensorflow/serving:latest"}},
            "serving: image must be pinned by a tag, such as 'tensorflow/serving:2.15.1',"
            " found 'tensorflow/serving:latest'",
        ),
        ({"serving": {"replicas": 0}}, "serving: replicas must be at least 1, found 0"),
        (
            {"serving": {"memory": "2 GB"}},
            "serving: memory must be an amount such as '16Gi', found '2 GB'",
        ),
        ({"workers": {"count": 0}}, "workers: count must be at least 1, found 0"),
        ({"workers": {"servers": 0}}, "workers: servers must be at least 1, found 0"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as error:
        decode.decode(table(cluster=settings), "my.toml")
    assert str(error.value) == f"my.toml: cluster: {expected}"
