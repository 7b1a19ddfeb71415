"""What an operator sees of the mesh with the stock `nats` CLI: each command is run, its exit code and what it prints are checked."""
import json
import os
import subprocess
import sys

import mesh as mesh_module

check = mesh_module.Checks()


def main(tools, build):
    server = os.environ.get("FURROW_NATS_SERVER") or f"{tools}/bin/nats-server"
    with mesh_module.Mesh(build, server) as mesh:
        def nats(*arguments):
            done = subprocess.run([f"{tools}/bin/nats", "--server", mesh.url, "--nkey", mesh.nkey("operator"), *arguments], capture_output=True, text=True, timeout=30,
                                  stdin=subprocess.DEVNULL)
            return done.returncode, done.stdout + done.stderr

        def sees(what, arguments, *texts):
            code, output = nats(*arguments)
            check(what, code == 0 and all(text in output for text in texts), output)

        sees("nats micro ls names every service", ["micro", "ls"], "employee", "location", "job", "timesheet")
        sees("nats micro info describes it, its endpoints and what it keeps", ["micro", "info", "timesheet"], "Time worked",
             "timesheet.v1.TimesheetService.ClockIn", "keeps.employee.v1.Employee", "id,display_name,status")
        sees("nats micro stats accepts our statistics", ["micro", "stats", "employee"], "GetEmployee")
        sees("nats micro ping reaches it", ["micro", "ping", "job"], "job")
        code, output = nats("req", "--raw", "location.v1.LocationService.CreateLocation", '{"id":"R1","kind":"LOCATION_KIND_RANCH","name":"Ranch"}')
        check("nats req calls a method in JSON", code == 0 and json.loads(output)["location"]["id"] == "R1", output)
        sees("nats req shows an error's headers", ["req", "location.v1.LocationService.GetLocation", '{"id":"R9"}'], "Nats-Service-Error", "no location R9")
        sees("nats stream ls shows the streams", ["stream", "ls"], "EMPLOYEE", "WORK_DAY", "DEADLETTER")
        sees("nats stream info says whose it is", ["stream", "info", "LOCATION"], "location.v1.Location.*", "owner=location")
        sees("nats consumer info says what is kept", ["consumer", "info", "LOCATION", "timesheet"], "keeps=id,name,status")
    print(f"{check.count} checks passed")


if __name__ == "__main__":
    main(*sys.argv[1:3])
