#!/usr/bin/env python3
"""Opens the tables of a lake with other tools, and compares what they see with what `watchfire lake export` says.

    python3 -m venv venv && venv/bin/pip install deltalake polars duckdb
    cargo build --release --locked --features lake
    venv/bin/python e2e/lake_interop.py target/release/watchfire LAKE

LAKE is the folder of a lake with something in it (`watchfire lake import LAKE FILES`). Exit code 0 if all agree.
"""

import json
import pathlib
import subprocess
import sys

import deltalake
import duckdb
import polars

RESERVED = {"_id", "_index", "_seq", "_source", "_diverted", "arrival_date"}


def exported(watchfire, lake, stream):
    lines = subprocess.run(
        [watchfire, "lake", "export", lake, "--index", stream], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return {hit["_id"]: hit["_source"] for hit in map(json.loads, lines)}


def flatten(value, name="", into=None):
    into = {} if into is None else into
    if isinstance(value, dict):
        for key, inner in value.items():
            flatten(inner, f"{name}.{key}" if name else key, into)
    elif isinstance(value, list):
        for inner in value:
            flatten(inner, name, into)
    elif value is not None:
        into.setdefault(name, []).append(value)
    return into


def same(seen, said):
    """Texts and truth values are compared as such; numbers by value; times and what was cast to text by presence."""
    if isinstance(said, bool) or isinstance(seen, bool):
        return seen == said or str(said).lower() == str(seen).lower()
    if isinstance(said, (int, float)) and isinstance(seen, (int, float)):
        return abs(seen - said) <= abs(said) * 1e-12 or int(seen) == int(said)
    if isinstance(said, str) and isinstance(seen, str):
        return seen == said or ":" in said
    return seen is not None


def differences(rows, documents):
    """What a row has in its columns or in the side column, against the document; as texts."""
    for row in rows:
        document = flatten(documents[row["_id"]])
        diverted = json.loads(row["_diverted"]) if row["_diverted"] else {}
        for name, said in document.items():
            seen = diverted.get(name, row.get(name))
            seen = seen if isinstance(seen, list) else [seen]
            if len(seen) != len(said) or not all(map(same, seen, said)):
                yield f"{row['_id']}: {name}: {seen!r} is not {said!r}"


def main():
    watchfire, lake = sys.argv[1:3]
    problems = []
    for line in subprocess.run([watchfire, "lake", "stats", lake], check=True, capture_output=True, text=True).stdout.splitlines():
        table = json.loads(line)
        stream = table["data_stream"]
        folder = next(
            path
            for path in pathlib.Path(lake, "tables").iterdir()
            if deltalake.DeltaTable(str(path)).metadata().name == stream
        )
        documents = exported(watchfire, lake, stream)
        delta = deltalake.DeltaTable(str(folder))
        frame = polars.read_delta(str(folder))
        duck = duckdb.sql(
            "SELECT * FROM read_parquet({}, union_by_name = true, hive_partitioning = true)".format(
                json.dumps(delta.file_uris()).replace('"', "'")
            )
        )
        counts = {
            "watchfire": table["events"],
            "export": len(documents),
            "deltalake": delta.count() if hasattr(delta, "count") else frame.height,
            "polars": frame.height,
            "duckdb": duck.count("*").fetchall()[0][0],
        }
        if len(set(counts.values())) != 1:
            problems.append(f"{stream}: {counts}")
        problems += [f"{stream}: {what}" for what in differences(frame.iter_rows(named=True), documents)]
        missing = set(frame.columns) - set(duck.columns)
        # A column of which no file has a value is in the table's schema alone.
        problems += [f"{stream}: DuckDB lacks {name}" for name in missing if frame[name].null_count() < frame.height]
        lists = sum(1 for type in frame.schema.values() if isinstance(type, polars.List))
        print(f"{stream}: {counts['export']} events, {len(frame.columns)} columns, {lists} of them lists")
    print("\n".join(problems[:20]))
    if problems:
        print(f"{len(problems)} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
