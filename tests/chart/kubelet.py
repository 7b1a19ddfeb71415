"""What a kubelet does with a container, done on this machine: rendered pods run as processes, with the command, environment, secret files and probes
that the specification says, and with host names and paths turned into this machine's. As root, as the user that the pod asks for.
"""
import base64
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys

from chart import ROOT, containers, find
from mesh import SERVICES, MeshError, die_with

USER = 65532


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(cluster):
    """What a cluster (its .kubelet, and all .logs()) runs ends with the block; a failure shows the logs first."""
    try:
        yield
    except (AssertionError, MeshError, subprocess.TimeoutExpired):
        print(cluster.logs(), file=sys.stderr)
        raise
    finally:
        cluster.kubelet.end()


class Kubelet:
    """Runs containers of rendered pods as processes. `hosts` maps what the cluster's DNS would resolve to where it is here."""

    def __init__(self, objects, build, hosts, folder, secrets=None):
        self.objects, self.hosts, self.secrets = objects, hosts, secrets or {}
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        self.programs = {"/usr/bin/furrow": self.install(build / "services/cli/furrow"), **{f"/usr/bin/{name}": self.install(build / "services" / name) for name in SERVICES}}
        shutil.copytree(build / "services/lib", self.folder / "lib")
        shutil.copytree(ROOT / "config/rules", self.folder / "rules")
        self.processes = {}
        self.paths = {}  # of a pod: where what it mounts is here

    def install(self, program):
        """A copy where the pod's user may come; it may not where the build is."""
        there = self.folder / "bin" / pathlib.Path(program).name
        there.parent.mkdir(exist_ok=True)
        shutil.copy(program, there)
        there.chmod(0o755)
        return str(there)

    def secret(self, name, key):
        """Of those the operator brought, or of those the chart made."""
        if name in self.secrets:
            return self.secrets[name][key]
        return base64.b64decode(find(self.objects, "Secret", name)["data"][key])

    def mount(self, name, pod):
        """Volumes as folders: files of a Secret are root's with the mode asked for, and readable through fsGroup."""
        paths, spec = {}, pod["spec"]
        for volume in spec.get("volumes", []) + [{"name": "data"}]:
            where = self.folder / name / volume["name"]
            where.mkdir(parents=True, exist_ok=True)
            where.chmod(0o755)
            if "secret" in volume:
                for item in volume["secret"]["items"]:
                    self.write(where / item["path"], self.secret(volume["secret"]["secretName"], item["key"]), volume["secret"]["defaultMode"] | 0o440)
            elif "configMap" in volume:
                for key, text in find(self.objects, "ConfigMap", volume["configMap"]["name"])["data"].items():
                    self.write(where / key, text.encode(), 0o644)
            elif os.geteuid() == 0:
                os.chown(where, USER, USER)
            for one in containers(pod)[0].get("volumeMounts", []):
                if one["name"] == volume["name"]:
                    paths[one["mountPath"]] = str(where)
        self.paths[name] = paths
        for file in (self.folder / name).glob("*/*.conf"):
            file.write_text(self.here(name, file.read_text()))

    def write(self, file, data, mode):
        file.unlink(missing_ok=True)
        file.write_bytes(data)
        if os.geteuid() == 0:
            os.chown(file, 0, USER)
            file.chmod(mode)
        else:
            file.chmod(mode & 0o700)  # our own: the group adds nothing

    def here(self, name, text):
        for there, here in [("/usr/share/furrow", str(self.folder)), *self.hosts.items()] + sorted(self.paths[name].items(), reverse=True):
            text = text.replace(there, here)
        return text

    def env(self, name, pod, container):
        env = {"PATH": os.environ["PATH"]}
        for one in container.get("env", []):
            source = one.get("valueFrom", {})
            if "secretKeyRef" in source:
                env[one["name"]] = self.secret(source["secretKeyRef"]["name"], source["secretKeyRef"]["key"]).decode()
            elif "fieldRef" in source:
                assert source["fieldRef"]["fieldPath"] == "metadata.name", source
                env[one["name"]] = name
            else:
                env[one["name"]] = self.here(name, one["value"])
        return env

    def command(self, name, words):
        program = self.programs.get(words[0], words[0])
        return [program] + [self.here(name, word) for word in words[1:]]

    def as_user(self):
        return {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}

    def start(self, name, pod, extra=(), program=None):
        container = containers(pod)[0]
        self.mount(name, pod)
        words = ([program] if program else container.get("command", [])) + container.get("args", [])
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(self.command(name, words) + list(extra), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                                env=self.env(name, pod, container), preexec_fn=die_with(os.getpid()), **self.as_user())
        log.close()
        return self.processes[name]

    def run(self, name, pod, words, seconds):
        """A command in the container: a probe. (exit code, output); like the kubelet, not longer than @seconds."""
        done = subprocess.run(self.command(name, words), env=self.env(name, pod, containers(pod)[0]), capture_output=True, text=True, cwd="/",
                              timeout=seconds, **self.as_user())
        return done.returncode, done.stdout + done.stderr

    def probe(self, name, pod, kind):
        what = containers(pod)[0][kind]
        return self.run(name, pod, what["exec"]["command"], what["timeoutSeconds"])

    def finish(self, name, seconds):
        return self.processes.pop(name).wait(seconds)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def end(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
