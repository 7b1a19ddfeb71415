"""What is in the image, and that it runs: as its own user, with its own files only, against real servers."""
import json
import os
import pathlib
import stat
import subprocess
import sys

import mesh as mesh_module

PROGRAMS = sorted(["farm", "furrow", *mesh_module.SERVICES])
USER = 65532
SIZE_MAX = 64 << 20
check = mesh_module.Checks()


def inside(root):
    """A child's first act: the image's root and user, and to die with the parent (a change of user forgets that, so it comes last)."""
    parent = os.getpid()

    def act():
        os.chroot(root)
        os.chdir("/")
        os.setgroups([])
        os.setgid(USER)
        os.setuid(USER)
        mesh_module.die_with(parent)()
    return act


def run(root, *command, env=None):
    return subprocess.run(command, env=env or {}, capture_output=True, text=True, timeout=60, preexec_fn=inside(root))


def check_config(document):
    config = json.loads(pathlib.Path(document).read_text())["OCIv1"]["config"]
    check("the image's user is a number and not root", config["User"] == f"{USER}:{USER}", config)
    check("it is stopped with SIGTERM, opens no port, keeps no volume", config["StopSignal"] == "SIGTERM"
          and not config.get("ExposedPorts") and not config.get("Volumes"), config)
    check("its labels say what it is", config["Labels"]["org.opencontainers.image.title"] == "furrow"
          and len(config["Labels"]["org.opencontainers.image.revision"]) == 40, config)


def check_files(root):
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    modes = {path: path.stat().st_mode for path in files}
    programs = sorted(path.name for path in files if path.parent == root / "usr/bin")
    check("its programs are ours alone: no shell, no package manager", programs == PROGRAMS and not (root / "bin").exists()
          and not (root / "sbin").exists(), programs)
    special = [str(path) for path, mode in modes.items() if mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH)]
    check("nothing in it runs as somebody else, or may be changed by everybody", not special, special)
    executable = [path for path, mode in modes.items() if mode & 0o111 and path.parent != root / "usr/bin" and ".so" not in path.name]
    check("nothing else can be executed", not executable, executable)
    size = sum(path.stat().st_size for path in files)
    check(f"it has {size / 1e6:.1f} MB", size < SIZE_MAX)


def check_programs(root):
    for name in PROGRAMS:
        said = subprocess.run(["readelf", "-hldW", root / "usr/bin" / name], capture_output=True, text=True, check=True).stdout
        stack = next(line for line in said.splitlines() if "GNU_STACK" in line)
        check(f"{name} is position-independent, bound at start, without an executable stack", "Flags: NOW PIE" in said and "GNU_RELRO" in said
              and " RWE " not in stack, said)
        done = run(root, f"/usr/bin/{name}", "--help" if name in ("farm", "furrow") else "--settings")
        check(f"{name} runs in it", done.returncode == 0 and "FURROW_NATS_" in done.stdout, done)


def check_service(root, mesh):
    """The image's location takes the place of the mesh's."""
    shared = root / "shared"
    shared.mkdir()
    for file in mesh.keys / "location.nk", mesh.keys / "location.log.nk", mesh.keys / "location.redis", mesh.keys / "location.secret", mesh.dir / "redis.sock":
        os.chown(file, USER, USER)
        os.link(file, shared / file.name)
    env = dict(FURROW_NATS_URL=mesh.url, FURROW_NATS_NKEY="/shared/location.nk", FURROW_NATS_LOG_NKEY="/shared/location.log.nk",
               FURROW_REDIS_URL="unix:///shared/redis.sock",
               FURROW_REDIS_USER="location", FURROW_REDIS_PASSWORD_FILE="/shared/location.redis",
               FURROW_HASH_KEY_FILE="/shared/location.secret", FURROW_INSTANCE_ID="pod-1", FURROW_NATS_INBOX="_INBOX_location")
    mesh.stop("location")
    with open(mesh.dir / "location.log", "ab") as log:
        mesh.processes["location"] = subprocess.Popen(["/usr/bin/location"], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                      preexec_fn=inside(root))
    mesh.wait_healthy("location")
    ranch = json.dumps({"id": "R1", "kind": "LOCATION_KIND_RANCH", "name": "Ranch"})
    check("location serves out of the image", "Ranch" in mesh.furrow("call", "location.v1.LocationService.CreateLocation", ranch))
    probe = run(root, "/usr/bin/furrow", "health", "--probe", "ready", "location", env=env)
    check("its probe answers in the same container", probe.returncode == 0, probe)
    check("it ends with exit code 0 on SIGTERM", mesh.stop("location") == 0, mesh.log("location"))
    probe = run(root, "/usr/bin/furrow", "health", "--probe", "ready", "location", env=env)
    check("… and the probe says so", probe.returncode == 1, probe)


def make_authority(folder, name):
    """A CA and, signed by it, a certificate for the host called name."""
    openssl = lambda *arguments: subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    key = ["-newkey", "ed25519", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=farm", "-days", "2")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=nats")
    (folder / "names").write_text(f"subjectAltName=DNS:{name}")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "2",
            "-extfile", "names")


def check_trust(root, mesh, server):
    """As in a cluster: a server by its name, with a certificate that the system's authorities vouch for."""
    name, folder, bundle = "nats.farm.test", mesh.dir / "tls", root / "etc/ssl/certs/ca-certificates.crt"
    folder.mkdir()
    make_authority(folder, name)
    (folder / "nats.conf").write_text(f"""listen: "127.0.0.1:-1"
ports_file_dir: "{folder}"
tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key" }}
""")
    mesh.start("tls", server, "-c", str(folder / "nats.conf"))
    file = mesh_module.eventually("nats-server listens with TLS", lambda: next((file for file in folder.glob("*.ports") if file.stat().st_size), None))
    port = mesh_module.eventually("it says where", lambda: json.loads(file.read_text())["nats"])[0].rsplit(":", 1)[1]
    (root / "etc/hosts").write_text(f"127.0.0.1 {name}\n")  # an engine mounts one
    ask = lambda: run(root, "/usr/bin/furrow", "call", "nobody.v1.Nobody.Ask", "{}", env={"FURROW_NATS_URL": f"tls://{name}:{port}"}).stderr
    known = bundle.read_text()
    said = ask()
    check("the image knows the world's authorities, and refuses a server of another", known.count("BEGIN CERTIFICATE") > 100
          and "is not trusted: set FURROW_NATS_CA" in said, said)
    bundle.write_text(known + (folder / "ca.pem").read_text())
    said = ask()
    check("… and finds and trusts one of theirs, with no setting but its URL", "no responders" in said, said)


def main(tools, build, document, root):
    root = pathlib.Path(root)
    check_config(document)
    check_files(root)
    check_programs(root)
    server = os.environ.get("FURROW_NATS_SERVER") or f"{tools}/bin/nats-server"
    with mesh_module.Mesh(build, server) as mesh:
        check_service(root, mesh)
        check_trust(root, mesh, server)
    print(f"{check.count} checks passed")


if __name__ == "__main__":
    main(*sys.argv[1:5])
