"""Exports of journals: what is in the tables is what is in the journal; what goes wrong leaves nothing."""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.parquet
import pytest

from meridian import records
from meridian._native import engine as native
from meridian.engine import export, journals
from tests.engine.keep_journal import START_NS, inputs

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]


def _written(journal: Path, kind: str) -> list[tuple[int, int, bytes]]:
    return [entry for entry in journals.records(journal) if records.name_of(entry[2]) == kind]


def test_every_record_stands_in_the_table_of_its_kind(journal: Path, tmp_path: Path, meridian: Meridian) -> None:
    out = tmp_path / "tables"
    done = meridian("journal", "export", str(journal), "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schema"] == "meridian.journal.export/1" and told["records_read"] == len(inputs())
    assert {table["record"]: table["rows"] for table in told["tables"]} == {
        kind: len(_written(journal, kind)) for kind in {records.name_of(data) for _, data in inputs()}
    }
    table = pyarrow.parquet.read_table(out / "OrderEvent.parquet")
    metadata = table.schema.metadata
    assert (metadata[b"schema"], metadata[b"record"], metadata[b"version"]) == (
        b"meridian.journal.export/1",
        b"OrderEvent",
        b"1",
    )
    rows = table.to_pylist()
    for row, (sequence, time_ns, data) in zip(rows, _written(journal, "OrderEvent"), strict=True):
        record = records.parse(data)
        assert (row["input"], row["engine_time_ns"]) == (sequence, time_ns)
        assert row["owner.order_id"] == record["owner"]["order_id"] and row["lots"] == record["lots"]
        assert (row["venue"], row["price_nanos"]) == (record["header"]["venue"], record["price_nanos"])
    definition = pyarrow.parquet.read_table(out / "Definition.parquet").to_pylist()[0]
    assert definition["band_low_nanos"] is None and definition["currency"] == ""
    start = pyarrow.parquet.read_table(out / "EngineStart.parquet").to_pylist()[0]
    assert start["reference_hash"] == "0" * 64


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_ranges_and_one_kind_in_one_file(suffix: str, journal: Path, tmp_path: Path, meridian: Meridian) -> None:
    written = _written(journal, "MarketOrder")
    first, last = written[3], written[10]
    out = tmp_path / f"orders{suffix}"
    by_sequence = ["--from", str(first[0]), "--to", str(last[0])]
    by_time = ["--since", str(first[1]), "--until", str(last[1])]
    for span in (by_sequence, by_time):
        done = meridian("journal", "export", str(journal), "--out", str(out), "--kind", "MarketOrder", *span)
        assert done.returncode == 0, done.stderr
        if suffix == ".csv":
            found = [int(row["order_ref"]) for row in csv.DictReader(out.open(encoding="utf-8"))]
        elif suffix == ".jsonl":
            found = [json.loads(line)["order_ref"] for line in out.read_text(encoding="utf-8").splitlines()]
        else:
            found = pyarrow.parquet.read_table(out).column("order_ref").to_pylist()
        assert found == [int(records.parse(data)["order_ref"]) for _, _, data in written[3:11]]
        out.unlink()


def test_times_may_be_written_as_people_do(journal: Path, tmp_path: Path, meridian: Meridian) -> None:
    out = tmp_path / "timers"
    words = ["--since", "2025-06-23T00:00:00", "--until", "2025-06-23T00:00:00.000003"]
    assert START_NS == 1_750_636_800_000_000_000
    done = meridian("journal", "export", str(journal), "--out", str(out), "--json", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records_read"] == 4


def test_all_that_is_wrong_is_said_at_once(journal: Path, tmp_path: Path, meridian: Meridian) -> None:
    taken = tmp_path / "taken.csv"
    taken.write_text("mine")
    words = ["--kind", "Nonsense", "--kind", "Timer", "--format", "xml", "--out", str(taken)]
    words += ["--from", "9", "--to", "3", "--since", "yesterday"]
    done = meridian("journal", "export", str(journal), *words, "--json")
    assert done.returncode == 2
    errors = json.loads(done.stdout)["errors"]
    for part in (
        "--kind Nonsense",
        "--format xml",
        "holds one kind, 2",
        "is there already",
        "--from 9",
        "--since yesterday",
    ):
        assert any(part in error for error in errors), (part, errors)
    assert taken.read_text() == "mine"


def test_damage_leaves_nothing_half(journal: Path, tmp_path: Path, meridian: Meridian) -> None:
    (segment,) = journal.glob("journal-*.segment")
    data = bytearray(segment.read_bytes())
    data[3000] ^= 1
    segment.write_bytes(data)
    out = tmp_path / "tables"
    done = meridian("journal", "export", str(journal), "--out", str(out))
    assert done.returncode == 1 and "damaged" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("form", sorted(export.FORMATS))
def test_a_full_disk_leaves_nothing_half(form: str, journal: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables"
    command = [sys.executable, "-m", "meridian", "journal", "export", str(journal), "--out", str(out), "--format", form]
    full = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (1_000, 1_000))
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=full, check=False)
    assert done.returncode == 3 and "nothing is left there" in done.stderr and "Traceback" not in done.stderr, (
        done.stderr
    )
    assert not out.exists()


def test_memory_does_not_grow_with_the_journal(tmp_path: Path) -> None:
    """Rows are written long before all are read: never more wait than a table's share."""
    made = inputs()
    order = next(data for _, data in made if records.name_of(data) == "MarketOrder")
    many = [*made, *((START_NS + 10**9 + at, order) for at in range(300_000))]
    native.run(tmp_path / "engine", many)
    most = 0

    class Watched(export.Export):
        def add(self, kind: str, table: pyarrow.Table) -> None:
            nonlocal most
            super().add(kind, table)
            most = max(most, sum(one.waiting_rows for one in self.tables.values()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "Export", Watched)
        done = export.run([tmp_path / "engine"], export.Choice(), tmp_path / "tables", "parquet")
    rows = {table["record"]: table["rows"] for table in done["tables"]}
    assert rows["MarketOrder"] == 300_040 and most < export.ALL_ROWS / 2
