#!/usr/bin/env python3
"""
What can be known of tests/bench/compare without measuring: the model's formulas agree with each other and with what is counted by hand; each
table is written and read back; each picture is drawn from such rows, is well-formed, names its axes and its ways, and is readable without
colours; the committed pictures are those of the committed figures, with which the model agrees.
"""
import os
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from dataclasses import replace

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from lib import agreement, model, pictures, sizes, svg  # noqa: E402
from lib.model import FACTS, WAYS, Load  # noqa: E402
from lib.tables import TABLES, WAY, Table, write_all  # noqa: E402

NOTE = re.compile(r'fill="#555">([^<]*)</text>')
RESULTS = os.path.join(HERE, "results")
POINTS = {"in_flight": (1, 64), "consumers": (1, 8), "updates_per_s": (1, 100), "reads_per_change": (1, 100), "employees": (1_000, 100_000),
          "t_ms": (0, 100)}


def sample_rows(table):
    """Two points of each way, with a number that differs in each cell."""
    names, count = [column.name for column in table.columns], 0
    rows = []
    for way in WAYS:
        for point in (0, 1):
            row = []
            for name in names:
                count += 1
                row.append(way if name == "way" else POINTS[name][point] if name in POINTS else ("none", "killed")[point] if name == "fault"
                           else ("", "all")[point] if name == "owners" else "speed" if name == "table" else f"q{count}" if name == "quantity"
                           else 5 if name == "error_percent" else 100.0 + count)
            rows.append(row)
    return rows


def all_samples():
    return {name: sample_rows(table) for name, table in TABLES.items()}


class Sizes(unittest.TestCase):
    def test_protobuf_fields_are_counted_as_they_are_packed(self):
        self.assertEqual(sizes.text(8), len(b"\x0a\x08E0000001"))
        self.assertEqual(sizes.text(200), 203)
        self.assertEqual([sizes.number(value) for value in (0, 1, 127, 128, 100_000)], [0, 2, 2, 3, 4])

    def test_header_blocks_are_counted_as_they_are_sent(self):
        self.assertEqual(sizes.headers(ce_id=3), len("NATS/1.0\r\nce-id: abc\r\n\r\n"))

    def test_an_employee_as_the_loader_writes_it_is_stored_in_259_bytes(self):
        self.assertEqual(sizes.stored(len("employee.v1.Employee.E0000001"), 0, 200), 259)


class Model(unittest.TestCase):
    load = Load()

    def test_asking_costs_four_messages_for_each_fact(self):
        for way in ("sequential", "parallel"):
            cost, own = model.per_command(way, self.load), model.per_command("replica", self.load)
            self.assertEqual(cost.messages - own.messages, 4 * len(FACTS))
            self.assertEqual(cost.requests, len(FACTS))

    def test_who_keeps_replicas_asks_nobody_and_pays_for_each_change_and_consumer(self):
        self.assertEqual(model.per_command("replica", self.load).requests, 0)
        one, eight = (model.per_change("replica", replace(self.load, consumers=count)) for count in (1, 8))
        self.assertEqual((eight.messages, eight.bytes), (8 * one.messages, 8 * one.bytes))
        self.assertEqual(model.per_change("parallel", self.load).bytes, 0)

    def test_a_cache_without_a_time_limit_to_speak_of_asks_for_all_and_one_without_end_for_nothing(self):
        none, ever = replace(self.load, ttl_s=0, batch=1), replace(self.load, ttl_s=1e9)
        self.assertEqual(model.per_command("hybrid", none).requests, len(FACTS))
        self.assertLess(model.per_command("hybrid", ever).requests, 1e-3)
        self.assertLess(model.per_command("hybrid", ever).bytes - model.per_command("replica", ever).bytes, 1)

    def test_at_the_break_even_both_ways_send_the_same(self):
        for way in ("parallel", "hybrid"):
            ratio = model.break_even(self.load, way)
            self.assertAlmostEqual(model.mixed(way, self.load, ratio), model.mixed("replica", self.load, ratio), places=3)

    def test_what_is_kept_grows_with_what_there_is_and_who_keeps_it(self):
        one = model.at_rest("replica", self.load, (1000, 100, 100))
        self.assertEqual(model.at_rest("replica", replace(self.load, consumers=3), (1000, 100, 100)), 3 * one)
        self.assertEqual(model.at_rest("hybrid", self.load, (1000, 100, 100)), 0)


    def test_the_page_says_what_the_functions_say(self):
        with open(os.path.join(HERE, "ways", "MODEL.md")) as file:
            page = file.read()
        for line in model.paper():
            self.assertIn(line, page)
        own, employee = model.own_part(self.load), FACTS[0]
        for words in (f"= {own.bytes:.0f} |", f"the same, {model.per_command('parallel', self.load).bytes:.0f} |", f"= {employee.delivered()} *k*",
                      f"= {employee.stored()} |", f"ids: {employee.record('crew1'):.0f} |", f"**{model.break_even(self.load):.2f} commands a change**"):
            self.assertIn(words, page)


class Tables(unittest.TestCase):
    def test_every_table_is_written_read_back_and_printed(self):
        with tempfile.TemporaryDirectory() as folder:
            rows = all_samples()
            write_all(folder, rows)
            for name, table in TABLES.items():
                self.assertEqual(table.read(folder), rows[name], name)
                self.assertEqual(len(table.lines(rows[name])), len(rows[name]) + 2)

    def test_a_file_with_other_columns_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            Table("speed", "", *TABLES["bulk"].columns).write(folder, [])
            with self.assertRaisesRegex(ValueError, "other columns"):
                TABLES["speed"].read(folder)


class Pictures(unittest.TestCase):
    def drawn(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in pictures.draw_all(folder, all_samples(), "a note"):
                with open(path) as file:
                    yield os.path.basename(path), file.read()

    def test_each_is_well_formed_and_says_what_is_seen(self):
        seen = dict(self.drawn())
        self.assertEqual(set(seen), {f"{name}.svg" for name in pictures.PICTURES})
        for name, text in seen.items():
            root = xml.fromstring(text)
            words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
            self.assertIn("a note", words, name)
            self.assertTrue(set(WAY.values()) <= set(words), name)
            self.assertNotIn("nan", text.lower().replace("finance", ""), name)

    def test_ways_differ_without_colours(self):
        for at in (1, 2, 3):
            self.assertEqual(len({style[at] for style in svg.STYLES[:len(WAY)]}), len(WAY))

    def test_titles_are_not_longer_than_their_pictures(self):
        for name, text in self.drawn():
            root = xml.fromstring(text)
            for size, words in re.findall(r'<text x="20.0" y="[^"]*" font-size="(1[25])"[^>]*>([^<]*)<', text):
                self.assertLess(len(words) * (8.8 if size == "15" else 6.6) + 20, float(root.get("width")), f"{name}: {words}")

    def test_no_point_lies_outside_of_its_frame(self):
        for name, text in self.drawn():
            for points in re.findall(r'points="([^"]+)"', text):
                for x, y in (map(float, point.split(",")) for point in points.split()):
                    self.assertTrue(0 <= x <= svg.PANEL[0] * 2 and svg.TOP - 1 <= y <= svg.PANEL[1], f"{name}: {x}, {y}")


class Committed(unittest.TestCase):
    def test_pictures_are_those_of_the_figures_beside_them(self):
        files = os.listdir(RESULTS)
        rows = {name: table.read(RESULTS) for name, table in TABLES.items() if f"{name}.csv" in files}
        committed = [name for name in files if name.endswith(".svg")]
        self.assertEqual(len(committed), 3)
        with open(os.path.join(RESULTS, committed[0])) as file:
            note = NOTE.search(file.read()).group(1)
        with tempfile.TemporaryDirectory() as folder:
            pictures.draw_all(folder, rows, note)
            for name in committed:
                with open(os.path.join(RESULTS, name)) as file, open(os.path.join(folder, name)) as drawn:
                    self.assertEqual(file.read(), drawn.read(), f"{name}: draw it again from the figures")

    def test_the_model_agrees_with_the_figures(self):
        for row in TABLES["model"].read(RESULTS):
            self.assertLessEqual(abs(row[-1]), agreement.BOUND_PERCENT, row)


if __name__ == "__main__":
    unittest.main()
