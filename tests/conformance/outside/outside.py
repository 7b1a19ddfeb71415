"""A user's way from `cmake --install` to a running service of his own.

The sources are those that README.md shows, put away from the tree, so that only the installed prefix can be found; built with CMake, and again by hand with
pkg-config; given keys, permissions, streams and durables by the tool, and called over NATS.
"""
import asyncio
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import nats

import mesh as mesh_module
import tutorial
import written

ROOT = tutorial.ROOT
PROGRAMS = sorted(["farm", "furrow", "furrow-import", "furrow-seed", *mesh_module.SERVICES])
check = mesh_module.Checks()


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **more)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def install(build, work):
    runtime, prefix = work / "runtime", work / "prefix"
    run("cmake", "--install", build, "--prefix", runtime, "--component", "runtime")
    files = [str(file.relative_to(runtime)) for file in runtime.rglob("*") if file.is_file()]
    check("the component runtime is the programs, their contracts and rules of pay alone",
          sorted(files) == [f"bin/{name}" for name in PROGRAMS] + [f"lib/furrow/contracts/{name}.so" for name in sorted(mesh_module.SERVICES)] +
          [f"share/furrow/rules/{file.name}" for file in sorted((ROOT / "config/rules").iterdir())], files)
    run("cmake", "--install", build, "--prefix", prefix)
    headers = sorted(file for file in (prefix / "include/furrow").rglob("*.h"))
    flags = run("pkg-config", "--cflags", "furrow", env=pkg_config(prefix)).split()
    for header in headers:
        run("cc", "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "-x", "c", *flags, header)
    check(f"each of {len(headers)} installed headers compiles by itself", len(headers) > 30, headers)
    return prefix.rename(work / "moved")  # it may be put anywhere


def pkg_config(prefix):
    found = next(prefix.rglob("furrow.pc"))
    return dict(os.environ, PKG_CONFIG_PATH=str(found.parent))


def build_with_cmake(prefix, source, out):
    run("cmake", "-G", "Ninja", "-S", source, "-B", out, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    run("cmake", "--build", out)
    check("find_package(Furrow) builds it, without a word of the tree", str(ROOT) not in (out / "compile_commands.json").read_text())


def build_by_hand(prefix, source, out):
    """protoc and cc, with what pkg-config says."""
    env, gen = pkg_config(prefix), out / "gen"
    gen.mkdir(parents=True)
    variable = lambda name: run("pkg-config", f"--variable={name}", "furrow", env=env).strip()
    includes = ["-I", source / "proto", "-I", variable("protodir")]
    run("protoc", *includes, f"--plugin=protoc-gen-furrow={variable('plugin')}", f"--furrow_out={gen}", f"--c_out={gen}",
        "picking/v1/picking.proto", "employee/v1/employee.proto")
    run("protoc", *includes, f"--c_out={gen}", "furrow/v1/options.proto", "furrow/v1/validate.proto")
    sources = [gen / f"{stem}.{kind}.c" for stem, kinds in {"picking/v1/picking": ["furrow", "descriptor", "domain", "server", "main"], "employee/v1/employee": ["furrow", "descriptor"]}.items()
               for kind in kinds]
    flags = run("pkg-config", "--cflags", "--libs", "furrow", env=env).split()
    run("cc", "-std=c11", "-I", gen, source / "picking.c", source / "leaving.c", *sources, *flags, "-o", out / "picking")
    check("pkg-config and cc build the same service", run(out / "picking", "--settings").startswith("FURROW_"))


def build_disguised(prefix, source, work, name):
    """The same contract for a service that is called @name: a shared object for the tool."""
    contract = work / f"proto/{name}/v1/{name}.proto"
    contract.parent.mkdir(parents=True)
    for file, text in (contract, source / "proto/picking/v1/picking.proto"), (work / "CMakeLists.txt", source / "CMakeLists.txt"):
        file.write_text(text.read_text().replace("picking", name).replace("Picking", name.capitalize()))
    for file in f"{name}.c", "leaving.c", "picking_test.c", f"{name}_test.c":
        (work / file).touch()  # of which nothing is built
    run("cmake", "-G", "Ninja", "-S", work, "-B", work / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", work / "build", "--target", f"{name}_proto_contracts")
    return work / f"build/{name}_proto_contracts.so"


def as_the_readme_says(build, work):
    """But for where things are: on a local mesh of its own, in a prefix of its own."""
    build, prefix = pathlib.Path(build).resolve(), work / "local"
    home = work / "home"
    home.mkdir()
    written.follow(home, work / "run", {"build/dev": build, "/usr/local": prefix}, FURROW_RUN=str(work / "run"), FURROW_BIN=str(build / "services"),
                   CMAKE_PREFIX_PATH=str(prefix), PATH=f"{prefix}/bin:{os.environ['PATH']}")
    check("each line of the README's chapter works", True)
    kept = work / "run"
    kept.mkdir()
    (kept / "data").touch()
    try:
        written.follow(home, kept, {})
        check("a mesh that is there is left alone", False)
    except SystemExit as end:
        check("a mesh that is there is left alone, and the way out is told", f"{kept} is there" in end.code and "down --wipe" in end.code
              and (kept / "data").exists(), end.code)


def check_refused_contracts(mesh, prefix, source, work, own):
    """A contract that would give a service another's name, and with it another's rights."""
    for what, contracts, reason in [("what is no contract", work / "build/picking", "FURROW_CONTRACTS"), ("a contract twice", f"{own}:{own}", "picking is taken"),
                                    ("a service called operator", build_disguised(prefix, source, work / "disguised", "operator"), "no service may be called operator")]:
        done = subprocess.run([mesh.bin / "cli/furrow", "permissions"], env=dict(mesh.env, FURROW_CONTRACTS=str(contracts)), capture_output=True, text=True, timeout=30)
        check(f"{what} is refused", done.returncode == 2 and reason in done.stderr and not done.stdout, done)


async def call(client, method, body):
    reply = await client.request(f"picking.v1.PickingService.{method}", json.dumps(body).encode(), timeout=10)
    return (reply.headers or {}).get("Nats-Service-Error-Code"), json.loads(reply.data)


async def use(mesh):
    client = await nats.connect(mesh.url, nkeys_seed=mesh.nkey("client"), inbox_prefix=mesh.inbox("client"))
    hire = {"id": "E1", "givenName": "Ana", "familyName": "Cruz", "badge": "1"}
    await client.request("employee.v1.EmployeeService.HireEmployee", json.dumps(hire).encode(), timeout=10)
    code, answer = await call(client, "PickBin", {"id": "B0", "ticket": "T0", "employeeId": "E9", "grams": 1})
    check("it refuses an unknown employee", code == "9" and answer["message"] == "employee E9 is not known here", answer)
    for _ in range(500):
        code, answer = await call(client, "PickBin", {"id": "B1", "ticket": "T1", "employeeId": "E1", "grams": 400000})
        if code is None:
            break
        await asyncio.sleep(0.01)
    check("it knows the new one by itself, and records a bin", answer["bin"]["grams"] == "400000", answer)
    code, answer = await call(client, "PickBin", {"id": "B2", "ticket": "T2", "employeeId": "E1", "grams": 0})
    check("it names the field of wrong input", code == "3" and "grams" in json.dumps(answer), answer)
    code, answer = await call(client, "GetBin", {"id": "B1"})
    check("it answers what it keeps", code is None and answer["bin"]["employeeId"] == "E1" and answer["employeeName"] == "Ana Cruz", answer)
    code, answer = await call(client, "ListBins", {"employeeId": "E1"})
    check("it lists them by picker, with his name and their versions", code is None and [(b["bin"]["id"], b["employeeName"], int(b["version"]) > 0)
          for b in answer["bins"]] == [("B1", "Ana Cruz", True)], answer)
    code, answer = await call(client, "ListBins", {})
    check("and asks for one", code == "3" and "employee_id" in json.dumps(answer), answer)
    code, answer = await call(client, "GetBin", {"id": "B9"})
    check("it says what it does not know", code == "5" and answer["message"] == "no bin B9", answer)
    info = json.loads((await client.request("$SRV.INFO.picking", b"", timeout=5)).data)
    check("$SRV.INFO says what it serves and keeps", {e["name"] for e in info["endpoints"]} == {"PickBin", "VoidBin", "GetBin", "ListBins"}
          and info["metadata"]["keeps.employee.v1.Employee"] == "id,display_name,status", info)
    await client.close()


def check_history(mesh):
    done = subprocess.run([mesh.bin / "cli/furrow", "history", "picking.v1.Bin", "B1"], env=mesh.env, capture_output=True, text=True)
    check("furrow history tells of its entities", done.returncode == 0 and "by client" in done.stdout and 'employee_id: none -> "E1"' in done.stdout, done)
    done = subprocess.run([mesh.bin / "cli/furrow", "deadletter", "list", "--service", "picking"], env=mesh.env, capture_output=True, text=True)
    check("and furrow deadletter of its letters", done.returncode == 0 and "0 dead letters" in done.stdout, done)


def check_kept(mesh):
    """What lies in picking's Redis, as picking's own user reads it."""
    env = dict(os.environ, REDISCLI_AUTH=(mesh.keys / "picking.redis").read_text().strip())
    record = subprocess.run(["redis-cli", "-s", mesh.dir / "redis.sock", "--user", "picking", "--raw", "get", "picking:{Employee}:E1"], env=env,
                            capture_output=True, check=True).stdout.removesuffix(b"\n")
    said = subprocess.run([mesh.bin / "cli/furrow", "decode", "--record", "picking.v1.Employee"], env=mesh.env, input=record, capture_output=True,
                          check=True).stdout.decode()
    kept = json.loads(said[said.index("{"):])
    check("it keeps three fields of an employee, and not the badge", kept == {"id": "E1", "displayName": "Ana Cruz", "status": "EMPLOYMENT_STATUS_ACTIVE"}, said)


def check_lineage(mesh):
    """What it keeps is seen with its contract and without, while it runs and when it does not."""
    def row(**settings):
        done = subprocess.run([mesh.bin / "cli/furrow", "lineage", "--json"], env=dict(mesh.env, **settings), capture_output=True, text=True, timeout=60)
        read = json.loads(done.stdout)
        return done.returncode, next(row for row in read["replicas"] if row["service"] == "picking")
    code, known = row()
    check("furrow lineage shows it beside the others", code == 0 and (known["field_count"], known["field_total"], known["mark"]) == (3, 15, "")
          and (known["storage"]["records"], known["bandwidth"]["reads"] > 0) == (1, True), known)
    code, alone = row(FURROW_CONTRACTS="")
    check("and without its contract by what it says itself", code == 0 and dict(alone, storage=0) == dict(known, storage=0)
          and alone["storage"]["bytes"] == known["storage"]["bytes"], alone)
    mesh.stop("picking")
    code, down = row(FURROW_CONTRACTS="")
    check("and when it is down by its durable", code == 0 and (down["mark"], down["fields"], down["storage"]["records"]) == ("down", known["fields"], 1), down)


async def check_privilege(mesh, user):
    """With a key of picking's, for calls or for its log: to make streams and durables, and to write for employee, is others' part."""
    refused, all_refused = [], asyncio.Event()

    async def on_error(error):
        refused.append(str(error))
        if len(refused) == len(foreign):
            all_refused.set()
    foreign = ["$JS.API.STREAM.CREATE.BIN2", "$JS.API.STREAM.UPDATE.BIN", "$JS.API.CONSUMER.DURABLE.CREATE.EMPLOYEE.picking",
               "$JS.API.CONSUMER.CREATE.EMPLOYEE.picking", "$JS.employee.API.CONSUMER.CREATE.EMPLOYEE.picking",
               "$JS.employee.API.CONSUMER.MSG.NEXT.EMPLOYEE.timesheet", "employee.v1.Employee.E1"]
    client = await nats.connect(mesh.url, nkeys_seed=mesh.nkey(user), inbox_prefix=b"_INBOX_picking", error_cb=on_error)
    for subject in foreign:
        await client.publish(subject, b"{}")
    await asyncio.wait_for(all_refused.wait(), 10)
    await client.close()
    check(f"{user} may make no stream, no durable, no employee", all(any(f'publish to "{subject}"' in text.lower() for text in refused)
          for subject in map(str.lower, foreign)), refused)


def main(tools, build):
    server = os.environ.get("FURROW_NATS_SERVER") or f"{tools}/bin/nats-server"
    with tempfile.TemporaryDirectory(prefix="furrow-outside-") as name:
        work = pathlib.Path(name)
        source, out = tutorial.write_with_test(work / "src"), work / "build"
        check(f"a hand has written at most {tutorial.LINES_MAX} lines of C, and as many of the rest", max(tutorial.lines()) <= tutorial.LINES_MAX, tutorial.lines())
        prefix = install(build, work)
        build_with_cmake(prefix, source, out)
        build_by_hand(prefix, source, work / "by-hand")
        as_the_readme_says(build, work)
        with mesh_module.Mesh(build, server, contracts=out / "picking_proto_contracts.so") as mesh:
            streams = mesh.furrow("provision")
            check("furrow provision knows its stream and durable", "picking.v1.Bin.*" in streams and "picking " in streams, streams)
            mesh.start_service("picking", out / "picking")
            mesh.wait_healthy("picking")
            asyncio.run(use(mesh))
            check_kept(mesh)
            check_history(mesh)
            for user in "picking", "picking.log":
                asyncio.run(check_privilege(mesh, user))
            check_refused_contracts(mesh, prefix, source, work, out / "picking_proto_contracts.so")
            check("nothing that it did was refused", "refused" not in mesh.log("picking"), mesh.log("picking"))
            check_lineage(mesh)
    print(f"{check.count} checks passed")


if __name__ == "__main__":
    main(*sys.argv[1:3])
