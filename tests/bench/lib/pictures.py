"""
The pictures of the comparison, each drawn from the rows of its tables. What a title says is read off the figures, so that no picture says
what it does not show.
"""
import os

from lib import svg
from lib.svg import Axis, Bars, Lines
from lib.tables import TABLES, WAY

NAMES = list(WAY.values())


def series(table, rows, x, y, keep=lambda row: True):
    """{name of the way: [(x, y)]} of two columns."""
    at, out = TABLES[table].at, {}
    for row in rows:
        if keep(row):
            out.setdefault(WAY[at(row, "way")], []).append((at(row, x), at(row, y)))
    return out


def of(table, rows, way, column, **where):
    """The value of the last row of @way where columns are as told; None where there is none."""
    at = TABLES[table].at
    found = [at(row, column) for row in rows if at(row, "way") == way and all(at(row, name) == value for name, value in where.items())]
    return found[-1] if found else None


def speed(rows):
    ticks = sorted({TABLES["speed"].at(row, "in_flight") for row in rows["speed"]})
    best = {way: of("speed", rows["speed"], way, "per_s", in_flight=64) for way in WAY}
    gain = best["replica"] / best["parallel"]
    return (f"With replicas the same service does {gain:.1f} times as many clock-ins as by asking the owners\nclock-ins of one service, end to end",
            [Lines("Throughput", Axis("commands in flight", log=True, ticks=ticks), Axis("commands a second"),
                   series("speed", rows["speed"], "in_flight", "per_s")),
             Lines("The slowest in a hundred", Axis("commands in flight", log=True, ticks=ticks), Axis("99th percentile, microseconds", log=True),
                   series("speed", rows["speed"], "in_flight", "p99_us"))])


def bottleneck(rows):
    ticks = sorted({TABLES["bottleneck"].at(row, "consumers") for row in rows["bottleneck"]})
    axis = {"log": True, "ticks": ticks}
    most = of("bottleneck", rows["bottleneck"], "parallel", "owner_requests_per_s", consumers=ticks[-1])
    none = of("bottleneck", rows["bottleneck"], "replica", "owner_requests_per_s", consumers=ticks[-1])
    return (f"{ticks[-1]:.0f} services that ask put {svg.short(most)} requests a second on three owners; with replicas it is {none:.0f}\n"
            "16 commands in flight at each consuming service",
            [Lines("Requests at the owners", Axis("consuming services", **axis), Axis("requests a second, all owners"),
                   series("bottleneck", rows["bottleneck"], "consumers", "owner_requests_per_s")),
             Lines("Throughput", Axis("consuming services", **axis), Axis("commands a second, all services"),
                   series("bottleneck", rows["bottleneck"], "consumers", "per_s"))])


def outage(rows):
    faults = list(dict.fromkeys((row[1], row[2]) for row in rows["outage"]))
    labels = ["all well" if fault == "none" else f"{owners}\n{fault}" for fault, owners in faults]

    def bars(column):
        return {WAY[way]: [of("outage", rows["outage"], way, column, fault=fault, owners=owners) for fault, owners in faults] for way in WAY}
    worst = min(value for value in bars("share_ok_percent")[WAY["replica"]] if value is not None)
    panels = [Bars("Commands that succeed", labels, Axis("% of commands", ticks=[0, 25, 50, 75, 100], high=112), bars("share_ok_percent"),
                   lambda share: "" if share > 99.9 else f"{share:.0f}")]
    if rows.get("outage_trace"):
        trace = {name: [(t / 1000, 10 * ok) for t, ok in points if t < 4000] for name, points in
                 series("outage_trace", rows["outage_trace"], "t_ms", "ok").items()}
        panels.append(Lines("All owners are killed, and come back", Axis("seconds", high=4), Axis("commands that succeed, a second"), trace, dots=8))
    return (f"While owners are down, {worst:.0f} % of the commands of who keeps replicas succeed\n"
            "steady commands while one of three owners, or all, are killed, stopped, 200 ms slow, or restarted", panels)


def freshness(rows):
    ticks = sorted({TABLES["freshness"].at(row, "updates_per_s") for row in rows["freshness"]})
    axis = {"log": True, "ticks": ticks}
    wrong = {way: of("freshness", rows["freshness"], way, "wrong_percent", updates_per_s=ticks[-1]) for way in ("parallel", "hybrid", "replica")}
    return (f"Wrong decisions at {ticks[-1]:.0f} changes a second: {wrong['hybrid']:.3g} % from caches, {wrong['replica']:.3g} % from replicas, "
            f"{wrong['parallel']:.3g} % asking\njobs are closed and opened while people clock in; old: the owner had changed it before the command "
            "was sent",
            [Lines("Decisions on what was old", Axis("changes a second", **axis), Axis("% of decisions"),
                   series("freshness", rows["freshness"], "updates_per_s", "old_percent")),
             Lines("How old those were", Axis("changes a second", **axis), Axis("99th percentile, microseconds", log=True, low=100),
                   series("freshness", rows["freshness"], "updates_per_s", "old_p99_us"))])


def bandwidth(rows):
    """What asking costs beyond the command itself, and what keeping does."""
    kinds, at = rows["bytes"], TABLES["bytes"].at
    change = {way: of("bytes", kinds, way, "bytes_per_change") for way in WAY}
    command = {way: of("bytes", kinds, way, "bytes_per_command") for way in WAY}
    saved, sent = command["parallel"] - command["replica"], change["replica"] - change["parallel"]
    ratios = [10 ** (step / 8) for step in range(-8, 25)]

    def beyond(way, ratio, total):
        extra = total - command["replica"] - change["parallel"] / ratio
        return extra if extra >= 1 else None
    alone = {WAY[way]: [(ratio, beyond(way, ratio, command[way] + change[way] / ratio)) for ratio in ratios] for way in WAY}
    mixed = {}
    for row in kinds:
        ratio = at(row, "reads_per_change")
        mixed.setdefault(WAY[row[0]], []).append((ratio, beyond(row[0], ratio, at(row, "bytes_per_command_mixed"))))
    return (f"Above {sent / saved:.1f} reads a change replicas send fewer bytes than asking, and are paid with memory\n"
            "bytes through nats-server, in and out, beyond those that a clock-in and a change cost in every way",
            [Lines("Bandwidth (lines: each alone; marks: mixed)", Axis("reads a change", log=True), Axis("bytes a command", log=True), alone, mixed,
                   marks=[(sent / saved, saved, f"equal at {sent / saved:.1f}")]),
             Bars("What it saves and what it costs", ["saved by each\ncommand, over NATS", "sent to a consumer\nby each change",
                                                      "kept of each record\nin its Redis"], Axis("bytes"),
                  {WAY["replica"]: [saved, sent, of("bytes", kinds, "replica", "redis_bytes_per_record")]})])


def bulk(rows):
    sizes = sorted({TABLES["bulk"].at(row, "employees") for row in rows["bulk"]})
    labels = [f"{size:,.0f}\nemployees" for size in sizes]
    ways = list(dict.fromkeys(row[0] for row in rows["bulk"]))

    def bars(column):
        return {WAY[way]: [of("bulk", rows["bulk"], way, column, employees=size) for size in sizes] for way in ways}
    times = bars("bytes")[WAY["parallel"]][-1] / max(1, bars("bytes")[WAY["replica"]][-1])
    return (f"A report over all employees: asking sends {svg.short(times)} times the bytes, and throws them away\none report by a filter",
            [Bars("Time", labels, Axis("seconds"), bars("seconds"), "{:.2f}".format),
             Bars("Bytes over NATS", labels, Axis("kB"), {way: [value and value / 1000 for value in values] for way, values in bars("bytes").items()})])


def growth(rows):
    ticks = sorted({TABLES["growth"].at(row, "employees") for row in rows["growth"]})
    axis = {"log": True, "ticks": ticks}
    first, last = (of("growth", rows["growth"], "replica", "per_s", employees=size) for size in (ticks[0], ticks[-1]))
    kept = of("growth", rows["growth"], "replica", "redis_bytes", employees=ticks[-1])
    return (f"{ticks[0]:,.0f} to {ticks[-1]:,.0f} employees: {svg.short(first)} to {svg.short(last)} commands a second with replicas, in "
            f"{kept / 1e6:,.0f} MB\n64 commands in flight at one service",
            [Lines("Throughput", Axis("employees", **axis), Axis("commands a second"), series("growth", rows["growth"], "employees", "per_s")),
             Lines("Memory of the consumer, for what it keeps", Axis("employees", **axis), Axis("bytes in Redis", log=True),
                   series("growth", rows["growth"], "employees", "redis_bytes", lambda row: row[0] == "replica"))])


def agreement(rows):
    """What was predicted beside what was measured."""
    at, points = TABLES["model"].at, {}
    for row in rows["model"]:
        points.setdefault(WAY.get(at(row, "way"), NAMES[-1]), []).append((at(row, "predicted"), at(row, "measured")))
    worst = max(abs(at(row, "error_percent")) for row in rows["model"])
    return (f"The model is within {worst:.0f} % of what was measured\neach point is a quantity of MODEL.md; dashed: 20 % off",
            [Lines("Messages, bytes, requests, round trips", Axis("predicted", log=True), Axis("measured", log=True), points, diagonal=(0.8, 1, 1.2))])


PICTURES = {"speed": speed, "bottleneck": bottleneck, "outage": outage, "freshness": freshness, "bytes": bandwidth, "bulk": bulk, "growth": growth,
            "model": agreement}


def draw_all(folder, rows, note):
    """Of the tables that are there; the paths."""
    paths = []
    for table, picture in PICTURES.items():
        if rows.get(table):
            title, panels = picture(rows)
            paths.append(os.path.join(folder, f"{table}.svg"))
            with open(paths[-1], "w") as out:
                out.write(svg.page(title, panels, NAMES, note))
    return paths
