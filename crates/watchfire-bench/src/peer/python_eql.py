"""Many EQL queries over the events of a file, with python-eql, whose own command `eql query` takes one query.

Arguments: a file of JSON lines, and a file of queries, each a JSON string on a line of its own. Prints a line for every
event or sequence that a query finds; to standard error, how many queries python-eql could read.
"""

import datetime
import json
import sys

import eql
from eql.parser import elasticsearch_syntax


def engine_with(queries):
    engine = eql.PythonEngine()
    read = total = 0
    for line in queries:
        total += 1
        try:
            with elasticsearch_syntax:
                engine.add_query(eql.parse_query(json.loads(line)))
            read += 1
        except Exception:  # whatever it cannot read, it raises many kinds
            pass
    print(f"{read} of {total} queries", file=sys.stderr)
    return engine


def without_arrays(value):
    """The first value for every array: python-eql compares arrays as a whole."""
    if isinstance(value, dict):
        return {name: without_arrays(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return without_arrays(value[0]) if value else None
    return value


def events(lines):
    for line in lines:
        document = without_arrays(json.loads(line))
        seconds = datetime.datetime.fromisoformat(document["@timestamp"]).timestamp()
        # Its times are in units of 100 nanoseconds.
        yield eql.Event(document["event"]["category"], int(seconds * 10_000_000), document)


def main(events_path, queries_path):
    with open(queries_path, encoding="utf-8") as queries:
        engine = engine_with(queries)
    engine.add_output_hook(lambda found: print(len(found.events)))
    with open(events_path, encoding="utf-8") as lines:
        engine.stream_events(events(lines))


main(*sys.argv[1:3])
