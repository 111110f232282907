# SPDX-License-Identifier: Apache-2.0
"""The manifests: each is what the schemas of Kubernetes ask for (kubernetes-validate, from PyPI), what they name is there,
and the commands in them are understood by this build's programs. The probe of a worker is run against a worker."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scenario"))

import pypi  # noqa: E402

pypi.enter("kubernetes-venv", ["kubernetes-validate", "pyzmq", "msgpack"])

import kubernetes_validate  # noqa: E402
import yaml  # noqa: E402

import farm as farms  # noqa: E402

VERSION = "1.29"  # of the schemas: nothing in the manifests is newer


def documents():
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield from document["items"] if document["kind"] == "List" else [document]


def pods():
    """(name, the object, its pod)"""
    for document in documents():
        template = document["spec"].get("template") if "spec" in document else None
        if template:
            yield document["metadata"]["name"], document, template


def containers(pod):
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


def container(name):
    return next(one for _, _, pod in pods() for one in pod["spec"]["containers"] if one["name"] == name)


def test_schemas(farm):
    del farm
    count = 0
    for document in documents():
        kubernetes_validate.validate(document, VERSION, strict=True)
        count += 1
    assert count >= 9, count
    broken = next(document for document in documents() if document["kind"] == "StatefulSet")
    broken["spec"]["replicas"] = "one"
    try:
        kubernetes_validate.validate(broken, VERSION, strict=True)
    except kubernetes_validate.ValidationError:
        return
    raise AssertionError("the schemas find nothing wrong in a broken manifest")


def test_names(farm):
    del farm
    labels = {}
    for name, document, pod in pods():
        selector = document["spec"]["selector"]["matchLabels"]
        assert selector.items() <= pod["metadata"]["labels"].items(), name
        labels[name] = pod
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in document["spec"].get("volumeClaimTemplates", [])}
        mounted = {mount["name"] for one in containers(pod) for mount in one["volumeMounts"]}
        assert mounted == volumes, f"{name}: {mounted ^ volumes}"
        for one in containers(pod):
            shut = one["securityContext"]
            assert shut["readOnlyRootFilesystem"] and not shut["allowPrivilegeEscalation"] and shut["capabilities"]["drop"] == ["ALL"]
            assert "memory" in one["resources"]["limits"], one["name"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"] and not pod["spec"]["automountServiceAccountToken"], name
    assert len({one["image"] for pod in labels.values() for one in containers(pod)}) == 1
    for document in documents():
        if document["kind"] == "Service":
            pod = next(pod for pod in labels.values()
                       if document["spec"]["selector"].items() <= pod["metadata"]["labels"].items())
            open_ = {port["name"]: port["containerPort"] for one in pod["spec"]["containers"] for port in one["ports"]}
            for port in document["spec"]["ports"]:
                assert open_[port["name"]] == port["port"], port
        if document["kind"] == "HorizontalPodAutoscaler":
            assert document["spec"]["scaleTargetRef"]["name"] in labels
            figure = document["spec"]["metrics"][0]["external"]["metric"]["name"]
            adapter = next(other for other in documents() if other["kind"] == "ConfigMap")
            rule, = yaml.safe_load(adapter["data"]["values.yaml"])["rules"]["external"]
            assert rule["name"]["as"] == figure
            assert f"record: {rule['metricsQuery']}\n" in (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()


def test_commands(farm):
    """Every option in a command or probe is one of the program's."""
    seen = 0
    for _, _, pod in pods():
        for one in containers(pod):
            probes = [one[probe]["exec"]["command"] for probe in ("livenessProbe", "readinessProbe") if "exec" in one.get(probe, {})]
            for words in [one["command"], *probes]:
                if not words[0].startswith("reeve"):
                    continue
                program, *rest = [farms.BUILD / "bin" / words[0], *words[1:]]
                verb = [rest[0]] if words[0] == "reeve" else []
                done = subprocess.run([program, *verb, "--help"], capture_output=True, text=True, timeout=farms.DEADLINE_S,
                                      check=True, env=farm.env)
                known = set(re.findall(r"^  (--[a-z-]+)", done.stdout, re.M))
                asked = {word for word in rest if word.startswith("--")}
                assert asked <= known, f"{words[0]}: {asked - known}"
                seen += len(asked)
    assert seen >= 12, seen


def mounted(folder, files):
    """A secret as Kubernetes mounts it: links to links, which everybody may read."""
    data = folder / "..2026"
    data.mkdir(parents=True)
    for file in files:
        (data / file.name).write_bytes(file.read_bytes())
    (folder / "..data").symlink_to(data.name)
    for file in files:
        (folder / file.name).symlink_to(f"..data/{file.name}")


def test_keys_of_a_secret(farm):
    """The init container's command, the broker's and its probe's, with other folders and ports."""
    def moved(words):
        places = {"/secret": farm.folder / "secret", "/keys": farm.folder / "keys", "/var/lib/reeve": farm.folder / "store",
                  "0.0.0.0:7710": f"127.0.0.1:{farm.port}"}
        for place, there in places.items():
            words = [word.replace(place, str(there)) for word in words]
        return words

    made = farm.folder / "made"
    assert farm.reeve("keys", "init", "--keys", made).returncode == 0
    mounted(farm.folder / "secret", [file for file in made.iterdir() if file.is_file()])
    (farm.folder / "keys").mkdir(mode=0o777)
    (farm.folder / "store").mkdir()
    init = next(one for _, _, pod in pods() for one in pod["spec"].get("initContainers", []) if one["name"] == "keys")
    subprocess.run(moved(init["command"]), check=True, timeout=farms.DEADLINE_S)
    program, *words = moved(container("broker")["command"])
    farm.start(program, *words)
    probe = container("broker")["readinessProbe"]["exec"]["command"]
    words = moved(probe)[1:]
    farm.until(lambda: farm.reeve(*words).returncode == 0, "the broker answers the probe")
    without = [word for word in words if not word.endswith("admin.key") and word != "--identity"]
    assert farm.reeve(*without).returncode != 0, "it answers without a key"


def test_probe_of_a_worker(farm):
    command = container("worker")["livenessProbe"]["exec"]["command"]
    port = str(farm.port + 4)
    assert command[-1].count("7715") == 1 and "7715" in container("worker")["command"]
    probe = [*command[:-1], command[-1].replace("7715", port)]

    def answers():
        return subprocess.run(probe, capture_output=True, timeout=farms.DEADLINE_S, check=False).returncode == 0

    assert not answers()
    worker = farm.start("reeve-worker", "--broker", "none", "--slots", 1, "--text-port", port)
    farm.until(answers, "the worker answers the probe")
    assert worker.stop() == 0
    assert not answers()


farms.main(globals())
