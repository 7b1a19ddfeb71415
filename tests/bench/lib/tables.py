"""
The tables of the comparison: their columns, how they are printed, how they are written as CSV. A row is a list in the order of the columns.
"""
import csv
import os

WAY = {"sequential": "asks owners in turn", "parallel": "asks owners at once", "hybrid": "cache and batches", "replica": "keeps replicas"}


class Column:
    def __init__(self, name, form="{:,.0f}", heading=None):
        self.name, self.form, self.heading = name, form, heading or name.replace("_", " ")

    def cell(self, value):
        if value is None or value == "":
            return "-"
        return value if isinstance(value, str) else self.form.format(value)


class Table:
    """@says: in one sentence, what is seen in it."""

    def __init__(self, name, says, *columns):
        self.name, self.says, self.columns = name, says, columns

    def write(self, folder, rows):
        with open(os.path.join(folder, f"{self.name}.csv"), "w", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow([column.name for column in self.columns])
            writer.writerows([round(value, 4) if isinstance(value, float) else value for value in row] for row in rows)

    def read(self, folder):
        with open(os.path.join(folder, f"{self.name}.csv"), newline="") as file:
            names, *rows = csv.reader(file)
        if names != [column.name for column in self.columns]:
            raise ValueError(f"{self.name}.csv has other columns: {', '.join(names)}")
        return [[number_or_text(value) for value in row] for row in rows]

    def lines(self, rows):
        cells = [[column.heading for column in self.columns]] + [[column.cell(value) for column, value in zip(self.columns, row)] for row in rows]
        widths = [max(len(row[at]) for row in cells) for at in range(len(self.columns))]
        texts = [all(isinstance(row[at], str) for row in rows) for at in range(len(self.columns))]
        return [f"{self.name}: {self.says}"] + ["  " + "  ".join(cell.ljust(width) if text else cell.rjust(width)
                                                                for cell, width, text in zip(row, widths, texts)).rstrip() for row in cells]

    def at(self, row, name):
        return row[next(number for number, column in enumerate(self.columns) if column.name == name)]


def number_or_text(value):
    try:
        return float(value)
    except ValueError:
        return value


ONE, TWO, PERCENT = "{:,.1f}", "{:,.2f}", "{:.1f}"
TABLES = {table.name: table for table in (
    Table("speed", "how many clock-ins a second, how long one takes, and what 1,000 of them cost each program (ms of processor time)",
          Column("way"), Column("in_flight"), Column("per_s", heading="commands/s"), Column("p50_us"), Column("p99_us"),
          *(Column(f"cpu_{name}_ms", ONE) for name in ("service", "employee", "job", "location", "nats", "redis")),
          Column("requests_per_command", TWO), Column("messages_per_command", ONE), Column("bytes_per_command")),
    Table("bottleneck", "what the owners are asked and take of a processor, as more services need what they own",
          Column("way"), Column("consumers"), Column("per_s", heading="commands/s"), Column("p99_us"), Column("owner_requests_per_command", TWO),
          Column("owner_requests_per_s"), Column("owner_cpu_ms", ONE, "owners ms/1,000"), Column("owner_cpu_percent", ONE, "owners, % of a processor")),
    Table("load", "what services that keep replicas, all of them, put on the owners: by their commands, and by changes of what they keep",
          Column("consumers"), Column("commands_per_s"), Column("changes_per_s"), Column("owner_requests_per_command", TWO),
          Column("owner_cpu_percent", ONE, "owners, % of a processor")),
    Table("outage", "which share of commands succeeds while one owner, or all of them, are as the fault says",
          Column("way"), Column("fault"), Column("owners"), Column("share_ok_percent", PERCENT), Column("p50_us"), Column("p99_us"),
          Column("p99_alive_us")),
    Table("outage_trace", "the same in time: all owners are killed, and come back",
          Column("way"), Column("t_ms"), Column("sent"), Column("ok"), Column("failed"), Column("p50_us"), Column("p99_us")),
    Table("freshness", "decisions on a state that its owner had changed before the command was sent, those of them that were wrong, and how old it was",
          Column("way"), Column("updates_per_s"), Column("answers"), Column("old"), Column("wrong"), Column("old_percent", TWO),
          Column("wrong_percent", TWO), Column("age_p99_us"), Column("old_p50_us"), Column("old_p99_us")),
    Table("bytes", "what goes over NATS for a command and for a change, alone and mixed, and what lies in Redis and in JetStream",
          Column("way"), Column("reads_per_change", "{:g}"), Column("messages_per_command", ONE), Column("bytes_per_command"),
          Column("messages_per_change", ONE), Column("bytes_per_change"), Column("bytes_per_command_mixed"), Column("redis_bytes"),
          Column("redis_bytes_per_record", ONE), Column("redis_bytes_of_owners"), Column("jetstream_bytes")),
    Table("bulk", "a report of those employees that a filter finds",
          Column("way"), Column("employees"), Column("found"), Column("seconds", "{:.3f}"), Column("messages"), Column("bytes")),
    Table("growth", "the same commands as the farm grows",
          Column("way"), Column("employees"), Column("per_s", heading="commands/s"), Column("p50_us"), Column("p99_us"), Column("redis_bytes"),
          Column("jetstream_bytes")),
    Table("bare", "the same input and output by bare programs, consumer and owners, at 64 in flight",
          Column("way"), Column("command"), Column("per_s", heading="commands/s"), Column("bare_per_s", heading="bare/s"), Column("ratio", TWO)),
    Table("bars", "what is at least to be seen", Column("what"), Column("value", TWO), Column("bound"), Column("ok", heading="")),
    Table("model", "what the formulas of MODEL.md say, and what was measured",
          Column("table"), Column("way"), Column("quantity"), Column("predicted", ONE), Column("measured", ONE), Column("error_percent", PERCENT)),
)}


def write_all(folder, rows):
    """@rows: {table: rows}."""
    os.makedirs(folder, exist_ok=True)
    for name, table in TABLES.items():
        if rows.get(name):
            table.write(folder, rows[name])
