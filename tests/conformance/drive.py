"""Drives a client in any language against a real mesh: all its calls, what it sees of a service that is stopped, the sample of the README.

    drive.py TOOLS BUILD --client COMMAND… --sample COMMAND…

The client is run as COMMAND… cases.json PHASE URL KEYS with a PHASE of "calls", or of "stopped" while employee is; KEYS is the folder of the
users' seeds. It prints a line "  ok  …" for each thing it has seen to be right, and fails at the first that is not. The sample is run as
COMMAND… SEED METHOD JSON with NATS_URL set, as the README says.
"""
import argparse
import json
import os
import pathlib
import subprocess

import mesh as mesh_module

HERE = pathlib.Path(__file__).resolve().parent
PHASE_S = 120
check = mesh_module.Checks()


def run(command, env=None):
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PHASE_S, stdin=subprocess.DEVNULL,
                          preexec_fn=mesh_module.die_with(os.getpid()))


def phase(mesh, client, name):
    done = run([*client, str(HERE / "cases.json"), name, mesh.url, str(mesh.keys)])
    print(done.stdout, end="", flush=True)
    if done.returncode:
        logs = "\n".join(f"--- {service}\n{mesh.log(service)}" for service in mesh.processes)
        raise SystemExit(f"{logs}\n{name}: exit code {done.returncode}\n{done.stderr}")
    seen = done.stdout.count("\n  ok  ") + done.stdout.startswith("  ok  ")
    assert seen > 0, f"{name}: nothing was checked"
    check.count += seen


def sample(mesh, command, method, request):
    return run([*command, mesh.nkey("client"), method, json.dumps(request)], dict(os.environ, NATS_URL=mesh.url))


def samples(mesh, command):
    places = "location.v1.LocationService"
    done = sample(mesh, command, f"{places}.CreateLocation", {"id": "sample", "kind": "LOCATION_KIND_RANCH", "name": "Rancho Ñuñez"})
    check("sample: prints the answer", done.returncode == 0 and json.loads(done.stdout)["location"]["name"] == "Rancho Ñuñez", done)
    done = sample(mesh, command, f"{places}.GetLocation", {"id": "nowhere"})
    check("sample: prints an error's code and text, and fails", done.returncode == 1 and done.stderr.strip() == "5: no location nowhere", done)
    done = sample(mesh, command, f"{places}.GetLocation", {"idd": "nowhere"})
    check("sample: says what is wrong with a request", done.returncode == 1 and done.stderr.startswith('3: ["idd"]: no such field'), done)


def stopped(mesh, client, command):
    """What the client and the sample see while employee is stopped, and once it is back."""
    method, request = "employee.v1.EmployeeService.GetEmployee", {"id": "E1-json"}
    mesh.stop("employee")
    phase(mesh, client, "stopped")
    done = sample(mesh, command, method, request)
    check("sample: fails at once when nobody serves the method", done.returncode == 1 and "no responders" in done.stderr, done)
    mesh.start_service("employee")
    mesh.wait_healthy("employee")
    done = sample(mesh, command, method, request)
    check("sample: and prints the answer when somebody does again", done.returncode == 0 and json.loads(done.stdout)["employee"]["id"] == "E1-json", done)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("tools")
    parser.add_argument("build")
    parser.add_argument("--client", nargs="+", required=True)
    parser.add_argument("--sample", nargs="+", required=True)
    args = parser.parse_args()
    server = os.environ.get("FURROW_NATS_SERVER") or f"{args.tools}/bin/nats-server"
    with mesh_module.Mesh(args.build, server) as mesh:
        phase(mesh, args.client, "calls")
        samples(mesh, args.sample)
        stopped(mesh, args.client, args.sample)
    print(f"{check.count} checks passed")


if __name__ == "__main__":
    main()
