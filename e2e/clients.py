#!/usr/bin/env python3
"""Real clients against a running server: what they send is theirs, only address and credentials are set.

    for major in 8 9; do python3 -m venv es$major && es$major/bin/pip install "elasticsearch>=$major,<$((major + 1))"; done
    es8/bin/pip install evtx2es                   # optional
    cargo build --locked --features serve
    python3 e2e/clients.py target/debug/watchfire es8/bin/python es9/bin/python [--evtx2es es8/bin/evtx2es FILE.evtx] [--rsyslog]

Starts a server of its own with one rule in a temporary folder, lets each client write, waits for the alerts, stops the server
and compares: every event that a client was told to be there is in the lake once, and every event that the rule looks for has
one alert. Exit code 0 if all agree.
"""

import argparse
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

RULE = """
[rule]
name = "Marked event"
rule_id = "2f0c5f0e-6d5b-4f0c-9f0e-5d1f0b7c9a11"
description = "Each event that carries the mark of this test."
risk_score = 21
severity = "low"
type = "query"
language = "kuery"
index = ["logs-*", "clients-*"]
query = "labels.mark : yes"
interval = "5s"
from = "now-60s"
timestamp_override = "event.ingested"
max_signals = 1000
"""

# Runs in the client's own Python: writes events in bulk, one twice, and prints what it was told.
BULK = """
import json, sys
from elasticsearch import Elasticsearch, helpers
client = Elasticsearch(sys.argv[1])
info = client.info()
index = sys.argv[2]
def actions():
    for number in range(int(sys.argv[3])):
        yield {"_op_type": "create", "_index": index, "_id": f"{index}-{number}", "_source": {
            "@timestamp": "2026-03-02T14:00:00Z", "event": {"category": ["process"], "type": ["start"]},
            "process": {"name": "a.exe", "pid": number}, "labels": {"mark": "yes" if number % 10 == 0 else "no"}}}
done, errors = helpers.bulk(client, actions(), raise_on_error=False, chunk_size=100)
again, conflicts = helpers.bulk(client, list(actions())[:1], raise_on_error=False)
one = client.index(index=index, document={"@timestamp": "2026-03-02T14:00:00Z", "labels": {"mark": "yes"}}, op_type="create")
print(json.dumps({"version": info["version"]["number"], "stored": done + (one["result"] == "created"), "errors": errors,
    "again": again, "conflicts": [list(error.values())[0]["status"] for error in conflicts]}))
"""

# The same client, searching what it wrote and the alerts on it.
SEARCH = """
import json, sys
from elasticsearch import Elasticsearch, NotFoundError, helpers

url, index = sys.argv[1:3]
client = Elasticsearch(url)
marked = {"term": {"labels.mark": "yes"}}
found = {"all": client.count(index=index)["count"]}
found["marked"] = client.search(index=index, query=marked, size=0, track_total_hits=True)["hits"]["total"]["value"]
found["scanned"] = len({hit["_id"] for hit in helpers.scan(client, index=index, query={"query": {"match_all": {}}}, size=300)})
point, after, paged = client.open_point_in_time(index=index, keep_alive="1m")["id"], None, []
while True:
    more = {"search_after": after} if after else {}
    page = client.search(pit={"id": point, "keep_alive": "1m"}, sort=[{"@timestamp": "asc"}], size=170, source=False, **more)
    point, hits = page["pit_id"], page["hits"]["hits"]
    if not hits:
        break
    paged += [hit["_id"] for hit in hits]
    after = hits[-1]["sort"]
client.close_point_in_time(id=point)
found["paged"] = len(paged) if len(paged) == len(set(paged)) else "some twice"
events = client.eql.search(index=index, query='any where labels.mark == "yes"', size=10000, event_category_field="labels.mark")
found["eql"] = len(events["hits"]["events"])
groups = client.search(index=index, size=0, aggs={"marks": {"terms": {"field": "labels.mark"}}})["aggregations"]["marks"]["buckets"]
found["buckets"] = {bucket["key"]: bucket["doc_count"] for bucket in groups}
found["capabilities"] = sorted(client.field_caps(index=index, fields="labels.mark")["fields"])
alerts = client.search(index=".alerts-security.alerts-default", query={"term": {"kibana.alert.ancestors.index": index}}, size=0, track_total_hits=True)
found["alerts"] = alerts["hits"]["total"]["value"]
try:
    client.search(index="no-such-index")
except NotFoundError as error:
    found["unknown"] = error.status_code
print(json.dumps(found))
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(url, body=None, method=None, content_type="application/x-ndjson"):
    made = urllib.request.Request(url, data=body, method=method)
    if body is not None:
        made.add_header("Content-Type", content_type)
    with urllib.request.urlopen(made, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def wait_for(what, condition, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    sys.exit(f"{what}: not within {seconds} s")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("watchfire")
    arguments.add_argument("pythons", nargs="*", help="Pythons that have the package elasticsearch")
    arguments.add_argument("--events", type=int, default=1000)
    arguments.add_argument("--evtx2es", nargs=2, metavar=("PROGRAM", "FILE"))
    arguments.add_argument("--rsyslog", action="store_true", help="with the rsyslogd of this machine and omelasticsearch")
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(run(arguments, pathlib.Path(folder)))


def run(arguments, folder):
    (folder / "rules").mkdir()
    (folder / "rules" / "marked.toml").write_text(RULE)
    port = free_port()
    url, data = f"http://127.0.0.1:{port}", folder / "data"
    server = subprocess.Popen([arguments.watchfire, "serve", "--data", data, "--listen", f"127.0.0.1:{port}", "--rules", folder / "rules"])

    def ready():
        if server.poll() is not None:
            sys.exit("the server has ended")
        try:
            return request(f"{url}/api/watchfire/ready")["status"] == "ready"
        except OSError:
            return False

    wait_for("the server", ready)
    problems, marked, stored = [], 0, {}

    def expect(what, seen, wanted):
        print(f"{'ok' if seen == wanted else 'PROBLEM'}: {what}: {seen}")
        if seen != wanted:
            problems.append(f"{what}: {seen} instead of {wanted}")

    for number, python in enumerate(arguments.pythons):
        index = f"logs-client{number}-default"
        output = subprocess.run([python, "-c", BULK, url, index, str(arguments.events)], capture_output=True, text=True)
        if output.returncode != 0:
            problems.append(f"{python}: {output.stderr[-2000:]}")
            continue
        told = json.loads(output.stdout)
        expect(f"{python}: stored", told["stored"], arguments.events + 1)
        expect(f"{python}: errors", told["errors"], [])
        expect(f"{python}: the same once more", (told["again"], told["conflicts"]), (0, [409]))
        stored[index] = arguments.events + 1
        marked += -(-arguments.events // 10) + 1
    curl = shutil.which("curl")
    if curl:
        line = '{"create":{"_index":"clients-curl"}}\n{"@timestamp":"2026-03-02T14:00:00Z","labels":{"mark":"yes"}}\n'
        output = subprocess.run(
            [curl, "-s", "-H", "Content-Type: application/x-ndjson", "--data-binary", "@-", f"{url}/_bulk"],
            input=line, capture_output=True, text=True,
        )
        expect("curl: errors", json.loads(output.stdout)["errors"], False)
        stored["clients-curl"] = 1
        marked += 1
    if arguments.evtx2es:
        program, file = arguments.evtx2es
        output = subprocess.run([program, file, "--host=127.0.0.1", f"--port={port}", "--index=clients-evtx2es"], capture_output=True, text=True)
        expect(f"{program}: exit code", output.returncode, 0)
        if output.returncode != 0:
            problems.append(output.stderr[-2000:])
        counts = {one["name"]: one["since_start"] for one in request(f"{url}/api/watchfire/streams")["streams"]}
        told = counts.get("clients-evtx2es", {"stored": 0, "refused": {}})
        expect(f"{program}: refused", told["refused"], {})
        expect(f"{program}: stored something", told["stored"] > 0, True)
        stored["clients-evtx2es"] = told["stored"]
    if arguments.rsyslog:
        configuration = folder / "rsyslog.conf"
        configuration.write_text(
            f'''
module(load="imfile") module(load="omelasticsearch")
template(name="event" type="list" option.jsonf="on") {{
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}}
input(type="imfile" File="{folder}/rsyslog.log" Tag="test" freshStartTail="off")
action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" searchIndex="clients-rsyslog" searchType=""
  template="event" bulkmode="on" maxbytes="1m" queue.type="linkedlist" action.resumeRetryCount="-1")
'''
        )
        (folder / "rsyslog.log").write_text("".join(f"line {number}\n" for number in range(50)))
        work = folder / "rsyslog"
        work.mkdir()
        rsyslog = subprocess.Popen(["rsyslogd", "-n", "-f", configuration, "-i", work / "pid"], stderr=subprocess.PIPE)

        def came():
            counts = {one["name"]: one["since_start"]["stored"] for one in request(f"{url}/api/watchfire/streams")["streams"]}
            return counts.get("clients-rsyslog") == 50

        wait_for("the lines of rsyslog", came)
        rsyslog.terminate()
        rsyslog.wait()
        expect("rsyslog: stored", 50, 50)
        stored["clients-rsyslog"] = 50

    def alerts():
        output = subprocess.run(
            [arguments.watchfire, "alerts", "list", "--data", data, "--ndjson", "--limit", "100000"], check=True, capture_output=True, text=True
        )
        return [json.loads(line) for line in output.stdout.splitlines()]

    wait_for("the alerts", lambda: len(alerts()) >= marked)
    # Another execution over the same events finds nothing that was not known.
    time.sleep(11)
    found = alerts()
    expect("alerts", len(found), marked)
    expect("alerts with ids of their own", len({alert["_id"] for alert in found}), marked)
    for number, python in enumerate(arguments.pythons):
        index = f"logs-client{number}-default"
        output = subprocess.run([python, "-c", SEARCH, url, index], capture_output=True, text=True)
        if output.returncode != 0:
            problems.append(f"{python}: {output.stderr[-2000:]}")
            continue
        of_index, whole = -(-arguments.events // 10) + 1, arguments.events + 1
        wanted = {
            "all": whole, "marked": of_index, "scanned": whole, "paged": whole, "eql": of_index, "buckets": {"no": whole - of_index, "yes": of_index},
            "capabilities": ["labels.mark"], "alerts": of_index, "unknown": 404,
        }
        told = json.loads(output.stdout)
        for what in wanted:
            expect(f"{python}: searched, {what}", told[what], wanted[what])
    server.send_signal(signal.SIGTERM)
    expect("the server ends", server.wait(timeout=60), 0)
    for index, number in stored.items():
        output = subprocess.run(
            [arguments.watchfire, "lake", "export", data / "lake", "--index", index], check=True, capture_output=True, text=True
        )
        hits = [json.loads(line) for line in output.stdout.splitlines()]
        expect(f"{index}: events in the lake", len(hits), number)
        expect(f"{index}: different ids", len({hit["_id"] for hit in hits}), number)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    main()
