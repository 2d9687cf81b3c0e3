#!/usr/bin/env python3
"""The detection-rules command line against a running server: rules and exceptions go in and come out as they were.

    git clone https://github.com/elastic/detection-rules
    python3.12 -m venv venv && (cd detection-rules && ../venv/bin/pip install . lib/kql lib/kibana)
    python3 e2e/detection_rules_cli.py http://127.0.0.1:9200 KEY detection-rules venv/bin/python

KEY is one of the role `engineer`, as `watchfire keys create` prints it. Rules of the clone are taken as they are; an exception
list and one more rule are made in a temporary folder. The server may hold other rules, which are left alone; those that this
script imports are removed at its end. Exit code 0 if everything agrees.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib
import urllib.parse
import urllib.request

OWN_RULE = "5a6f2d18-c7b1-4c1e-9b0e-3f4d0c587a52"
LIST = "e2e-detection-rules-cli"
RULE = f"""
[metadata]
creation_date = "2026/03/02"
maturity = "production"
updated_date = "2026/03/02"

[rule]
author = ["Watchfire"]
description = "A rule of a test, with an exception list."
from = "now-9m"
index = ["logs-endpoint.events.process-*"]
language = "kuery"
license = "Apache-2.0"
name = "E2E rule with an exception"
query = '''
event.category:process and process.name:"e2e-marker.exe"
'''
risk_score = 21
rule_id = "{OWN_RULE}"
severity = "low"
tags = ["Domain: Endpoint", "E2E"]
timestamp_override = "event.ingested"
type = "query"

[[rule.exceptions_list]]
id = "{LIST}"
list_id = "{LIST}"
namespace_type = "single"
type = "detection"
"""
EXCEPTION = f"""
[metadata]
creation_date = "2026/03/02"
list_name = "E2E list"
rule_ids = ["{OWN_RULE}"]
rule_names = ["E2E rule with an exception"]
updated_date = "2026/03/02"

[[exceptions]]
[exceptions.container]
description = "A list of a test"
list_id = "{LIST}"
name = "E2E list"
namespace_type = "single"
tags = []
type = "detection"

[[exceptions.items]]
comments = []
description = "An item of a test"
item_id = "{LIST}-item"
list_id = "{LIST}"
name = "E2E item"
namespace_type = "single"
tags = []
type = "simple"
[[exceptions.items.entries]]
field = "user.name"
operator = "included"
type = "match"
value = "e2e"
"""
CONFIG = """
rule_dirs:
  - rules
bbr_rules_dirs: []
directories:
  exception_dir: exceptions
  action_connector_dir: action_connectors
files:
  deprecated_rules: etc/deprecated_rules.json
  packages: etc/packages.yaml
  stack_schema_map: etc/stack-schema-map.yaml
  version_lock: etc/version.lock.json
bypass_version_lock: true
"""


class Server:
    def __init__(self, url, key):
        self.url, self.key = url.rstrip("/"), key

    def request(self, method, path, body=None):
        headers = {"authorization": f"ApiKey {self.key}", "kbn-xsrf": "e2e", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


class Cli:
    def __init__(self, python, clone, custom, url, key):
        self.python, self.clone = python, clone
        self.environment = os.environ | {"CUSTOM_RULES_DIR": str(custom)}
        self.kibana = ["kibana", "--kibana-url", url, "--api-key", key]

    def run(self, *arguments):
        command = [self.python, "-m", "detection_rules", *self.kibana, *arguments]
        done = subprocess.run(command, cwd=self.clone, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout


def check(holds, what):
    print(("agrees: " if holds else "DIFFERS: ") + what)
    return bool(holds)


def same(key, before, after):
    """The command line adds the tags of tactics to a rule, and quotes queries as it likes."""
    return set(before) <= set(after) if key == "tags" else str(before).strip() == str(after).strip()


def rules_in(folder):
    files = pathlib.Path(folder).rglob("*.toml")
    loaded = [tomllib.loads(file.read_text()) for file in files]
    return {one["rule"]["rule_id"]: one["rule"] for one in loaded if "rule" in one}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("clone", type=pathlib.Path, help="a clone of elastic/detection-rules")
    parser.add_argument("python", help="the interpreter with the clone's requirements")
    parser.add_argument("--rules", type=int, default=12, help="how many rules of the clone are taken")
    parser.add_argument("--without-schemas", action="store_true",
                        help="for a clone without its large files: queries are not held against schemas of packages")
    arguments = parser.parse_args()
    server, clone = Server(arguments.url, arguments.key), arguments.clone.resolve()
    python = os.path.abspath(arguments.python)
    agrees = []
    with tempfile.TemporaryDirectory() as folder:
        custom = pathlib.Path(folder)
        for name in ["rules", "exceptions", "action_connectors", "etc"]:
            (custom / name).mkdir()
        (custom / "_config.yaml").write_text(CONFIG)
        for name, content in [
            ("deprecated_rules.json", "{}"),
            ("version.lock.json", "{}"),
            ("packages.yaml", (clone / "detection_rules/etc/packages.yaml").read_text()),
            ("stack-schema-map.yaml", (clone / "detection_rules/etc/stack-schema-map.yaml").read_text()),
        ]:
            (custom / "etc" / name).write_text(content)
        (custom / "rules" / "e2e.toml").write_text(RULE)
        (custom / "exceptions" / "e2e.toml").write_text(EXCEPTION)
        wanted = {OWN_RULE}
        for path in sorted((clone / "rules" / "windows").glob("*.toml")):
            rule = tomllib.loads(path.read_text())
            if len(wanted) > arguments.rules:
                break
            if rule["rule"]["type"] in ("eql", "query", "threshold") and "endpoint_list" not in path.read_text():
                text = path.read_text()
                if arguments.without_schemas:
                    text = text.replace("[metadata]\n", "[metadata]\nquery_schema_validation = false\n", 1)
                (custom / "rules" / path.name).write_text(text)
                wanted.add(rule["rule"]["rule_id"])
        cli = Cli(python, clone, custom, arguments.url, arguments.key)
        ids = [part for one in sorted(wanted) for part in ("-id", one)]

        said = cli.run("import-rules", "--overwrite", "--overwrite-exceptions", *ids)
        agrees.append(check(f"{len(wanted)} rule(s) successfully imported" in said, "rules are imported"))
        agrees.append(check("1 exception list(s) successfully imported" in said, "exceptions are imported"))
        again = cli.run("import-rules", *ids)
        agrees.append(check(f"{len(wanted)} rule(s) failed to import" in again, "rules are not overwritten unasked"))

        out = custom / "out"
        said = cli.run("export-rules", "-d", str(out / "all"), "-ed", str(out / "exceptions"), "-e", "-s",
                       *[part for one in sorted(wanted) for part in ("-r", one)])
        exported = rules_in(out / "all")
        agrees.append(check(set(exported) == wanted, f"{len(exported)} rules are exported"))
        agrees.append(check("1 exceptions exported" in said, "exceptions are exported"))
        sources = rules_in(custom / "rules")
        for key in ["name", "query", "type", "severity", "risk_score", "tags", "threshold"]:
            other = [one for one in exported if not same(key, sources[one].get(key), exported[one].get(key))]
            for one in other[:1]:
                print(f"  of {one}: {sources[one].get(key)} became {exported[one].get(key)}")
            agrees.append(check(not other, f"`{key}` comes out as it went in"))

        cli.run("export-rules", "-d", str(out / "name"), "-rn", "*exception*", "-s")
        agrees.append(check(OWN_RULE in rules_in(out / "name"), "a rule is found by its name"))
        cli.run("export-rules", "-d", str(out / "query"), "-s", "-eq", 'alert.attributes.tags: "E2E"')
        agrees.append(check(set(rules_in(out / "query")) == {OWN_RULE}, "a rule is found by a query"))
        cli.run("export-rules", "-d", str(out / "custom"), "-s", "-cro")
        agrees.append(check(OWN_RULE in rules_in(out / "custom"), "rules of one's own are told from others"))
        said = cli.run("search-alerts", "-d", "now-7d", "now")
        agrees.append(check("original_time" in said or "No alerts detected" in said, "alerts are searched"))
        print(said)

        for rule_id in wanted:
            server.request("DELETE", f"/api/detection_engine/rules?rule_id={urllib.parse.quote(rule_id)}")
        server.request("DELETE", f"/api/exception_lists?list_id={LIST}&namespace_type=single")
    sys.exit(0 if all(agrees) else 1)


if __name__ == "__main__":
    main()
