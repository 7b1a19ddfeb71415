"""Holds the model against the measurements: one row for each quantity that both know."""
from dataclasses import replace

from lib import model
from lib.farm import JOBS, KEEPING, SLOW_MS
from lib.tables import TABLES

BOUND_PERCENT = 20
SEEN_FROM = 50_000  # employees from which what a consumer keeps is more than what Redis needs anyway


class Rows:
    """Those of one table as dictionaries, and what they come to."""

    def __init__(self):
        self.out = []

    def add(self, table, way, quantity, predicted, measured):
        error = 0 if predicted == measured else 100 * (predicted / measured - 1) if measured else 100
        self.out.append([table, way, quantity, predicted, measured, error])


def dictionaries(rows, table):
    names = [column.name for column in TABLES[table].columns]
    return [dict(zip(names, row)) for row in rows.get(table, ())]


def load_of(row, farms, requests=None, **more):
    """@requests: a command, as they were measured: they say how large the batches were."""
    load = replace(model.Load(), distinct=(farms.scale.employees, JOBS, JOBS), per_s=row.get("per_s") or 2_000, **more)
    if row["way"] == "hybrid" and requests:
        load = replace(load, batch=sum(model.misses(load, distinct) for distinct in load.distinct) / requests)
    return load


def commands(out, rows, farms):
    for row in dictionaries(rows, "speed"):
        cost = model.per_command(row["way"], load_of(row, farms, row["requests_per_command"]))
        point = f", {row['in_flight']} in flight"
        out.add("speed", row["way"], "messages a command" + point, cost.messages, row["messages_per_command"])
        out.add("speed", row["way"], "bytes a command" + point, cost.bytes, row["bytes_per_command"])
        if row["way"] != "hybrid" or row["in_flight"] == 1:  # else the batches are not the model's
            one = replace(load_of(row, farms), batch=1)
            out.add("speed", row["way"], "requests a command" + point, model.per_command(row["way"], one).requests, row["requests_per_command"])


def consumers(out, rows, farms):
    for row in dictionaries(rows, "bottleneck"):
        if row["way"] == "hybrid":
            continue
        cost = model.per_command(row["way"], load_of(row, farms, consumers=row["consumers"]))
        out.add("bottleneck", row["way"], f"requests a command, {row['consumers']} consumers", cost.requests,
                row["owner_requests_per_command"])


def round_trips(out, farms):
    """Where all owners are slow, all else is nothing beside it: how many of their delays a command takes."""
    for way, slower_us in farms.slow_us.items():
        trips = model.per_command(way, model.Load()).round_trips
        out.add("outage", way, "round trips before the decision", trips, round(slower_us / (1000 * SLOW_MS), 1))


def changes(out, rows, farms):
    seen = set()
    for row in dictionaries(rows, "bytes"):
        way, load = row["way"], load_of(row, farms)
        if way not in seen:
            out.add("bytes", way, "messages a change", model.owner_part().messages + model.per_change(way, load).messages, row["messages_per_change"])
            out.add("bytes", way, "bytes a change", model.owner_part().bytes + model.per_change(way, load).bytes, row["bytes_per_change"])
        if way not in seen and way in KEEPING:
            out.add("bytes", way, "bytes in Redis of what is kept", model.at_rest(way, load, (farms.scale.employees, JOBS, JOBS)), row["redis_bytes"])
        seen.add(way)
        out.add("bytes", way, f"bytes a command at {row['reads_per_change']:g} reads a change", model.mixed(way, load, row["reads_per_change"]),
                row["bytes_per_command_mixed"])


def sizes(out, rows):
    for row in dictionaries(rows, "growth"):
        if row["employees"] >= SEEN_FROM and row["way"] == "replica":
            out.add("growth", row["way"], f"bytes in Redis, {row['employees']} employees",
                    model.at_rest(row["way"], model.Load(), (row["employees"], JOBS, JOBS)), row["redis_bytes"])


def rows(measured, farms):
    out = Rows()
    commands(out, measured, farms)
    consumers(out, measured, farms)
    round_trips(out, farms)
    changes(out, measured, farms)
    sizes(out, measured)
    return out.out
