"""Takes the rows of tests/bench/run: the same work at Sekisho and at its neighbours, in
alternating rounds, so that what else the machine does falls on all alike. A row's figure is
the median of its rounds' ratios; its spread, the least and the greatest of them."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time

# Printed by wrk at the end of a run.
REPORT = """
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('JSON {"requests":%d,"bytes":%d,"us":%d,"p50_us":%d,"p99_us":%d,"failed":%d}\\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout))
end
"""
TICKS = os.sysconf("SC_CLK_TCK")
# Without it, distribution has no such manifest.
ACCEPT = "Accept: application/vnd.oci.image.manifest.v1+json"


class Bench:
    def __init__(self, setup):
        self.setup = setup
        self.seconds = float(os.environ.get("SECONDS_EACH", "3"))
        self.rounds = int(os.environ.get("ROUNDS", "5"))
        self.cores = sorted(os.sched_getaffinity(0))

    def cpu_seconds(self, server):
        """What the server's processes have used so far."""
        used = 0
        for pid in self.setup["servers"][server]["pids"]:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])
        return used / TICKS

    def run(self, server, row):
        """One round of one row: requests, bytes and CPU of a server."""
        base = self.setup["servers"][server]["tls" if row.get("tls") else "plain"]
        script = os.path.join(self.setup["work"], "report.lua")
        with open(script, "w", encoding="ascii") as lua:
            lua.write(REPORT)
        path = f"/v2/{self.setup['servers'][server]['prefix']}{row['path']}"
        connections, seconds = str(row["connections"]), f"{self.seconds:.0f}"
        if row.get("method") == "HEAD":
            heads = os.path.join(self.setup["work"], "heads")
            load = [heads, base.removeprefix("http://"), path, connections, seconds, ACCEPT]
        else:
            load = ["wrk", "-t1", "-c", connections, "-d", seconds, "-H", ACCEPT, "-s", script, base + path]
        before = self.cpu_seconds(server)
        printed = subprocess.run(["taskset", "-c", str(self.cores[-1]), *load], check=True, capture_output=True, text=True)
        used = self.cpu_seconds(server) - before
        found = [line[5:] for line in printed.stdout.splitlines() if line.startswith("JSON ")]
        report = json.loads(found[0])
        # Of what is large, parts of answers count, too.
        done = report["bytes"] / row["size"] if "size" in row else report["requests"]
        report["rate"] = done * 1e6 / report["us"]
        report["cpu_us"] = used * 1e6 / max(done, 1e-9)
        return report

    def measure(self, row):
        """All rounds of a row; against each neighbour, the median ratio and its spread."""
        servers = ["sekisho", "nginx"] if row.get("tls") else ["sekisho", "nginx", "distribution"]
        rounds = []
        for number in range(self.rounds):
            # Each second round in the other order: who comes first may have it easier.
            order = servers if number % 2 == 0 else servers[::-1]
            rounds.append({server: self.run(server, row) for server in order})
        figures = {"name": row["name"], "connections": row["connections"]}
        for server in servers:
            taken = [it[server] for it in rounds]
            figures[server] = {key: statistics.median(it[key] for it in taken) for key in ("rate", "cpu_us", "p50_us", "p99_us")}
            figures[server]["bytes_rate"] = statistics.median(it["bytes"] * 1e6 / it["us"] for it in taken)
        for other in servers[1:]:
            for key, better in (("rate", 1), ("cpu_us", -1)):
                ratios = [(it["sekisho"][key] / max(it[other][key], 1e-9)) for it in rounds]
                figures[f"{key}_x_{other}"] = spread(ratios)
        return figures

    def denial(self, row, manifest):
        """A denial against the same server's own manifest."""
        ratios, rates = [], []
        for number in range(self.rounds):
            order = [row, manifest] if number % 2 == 0 else [manifest, row]
            taken = {it["path"]: self.run("sekisho", it)["rate"] for it in order}
            ratios.append(taken[row["path"]] / taken[manifest["path"]])
            rates.append(taken[row["path"]])
        return {
            "name": row["name"],
            "connections": row["connections"],
            "sekisho": {"rate": statistics.median(rates)},
            "rate_x_manifest": spread(ratios),
        }


def spread(ratios):
    return {"median": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}


def rows_of(setup):
    paths = setup["paths"]
    blob = {size: f"blobs/{digest}" for size, digest in paths["blobs"].items()}
    digest, tag = f"manifests/{paths['manifest']}", "manifests/bench"
    rows = [
        {"name": "manifest by digest", "path": digest, "connections": 16},
        {"name": "manifest by tag", "path": tag, "connections": 16},
        {"name": "HEAD of a manifest", "path": digest, "connections": 16, "method": "HEAD"},
        {"name": "HEAD of a blob", "path": blob["4 KiB"], "connections": 16, "method": "HEAD"},
        {"name": "blob of 4 KiB", "path": blob["4 KiB"], "connections": 16},
        {"name": "blob of 64 KiB", "path": blob["64 KiB"], "connections": 16},
        {"name": "blob of 1 MiB", "path": blob["1 MiB"], "connections": 16, "size": 1 << 20},
        {"name": "blob of 100 MiB", "path": blob["100 MiB"], "connections": 16, "size": 100 << 20},
        {"name": "blob of 100 MiB", "path": blob["100 MiB"], "connections": 2, "size": 100 << 20},
    ]
    over_tls = {"connections": 16, "tls": True}
    rows += [
        {"name": "TLS: manifest", "path": digest, **over_tls},
        {"name": "TLS: blob of 4 KiB", "path": blob["4 KiB"], **over_tls},
        {"name": "TLS: blob of 1 MiB", "path": blob["1 MiB"], "size": 1 << 20, **over_tls},
        {"name": "TLS: blob of 100 MiB", "path": blob["100 MiB"], "size": 100 << 20, **over_tls},
    ]
    wanted = os.environ.get("ROWS", "")
    return [row for row in rows if wanted in row["name"]]


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d"),
    }


def markdown(result):
    lines = [
        "| work | connections | Sekisho, a second | × | spread | CPU × | × distribution |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        ratio = row.get("rate_x_nginx") or row["rate_x_manifest"]
        beside = "nginx" if "rate_x_nginx" in row else "its own manifest"
        cpu, other = (
            f"{row[key]['median']:.{digits}f}" if key in row else ""
            for key, digits in (("cpu_us_x_nginx", 2), ("rate_x_distribution", 1))
        )
        lines.append(
            f"| {row['name']} | {row['connections']} | {row['sekisho']['rate']:,.0f} | {ratio['median']:.2f} {beside} "
            f"| {ratio['least']:.2f}–{ratio['greatest']:.2f} | {cpu} | {other} |"
        )
    return "\n".join(lines) + "\n"


def main():
    with open(sys.argv[1], encoding="utf-8") as setup:
        bench = Bench(json.load(setup))
    result = {"machine": machine(), "seconds": bench.seconds, "rounds": bench.rounds, "rows": []}
    paths = bench.setup["paths"]
    manifest = {"path": f"manifests/{paths['manifest']}", "connections": 16}
    for row in rows_of(bench.setup):
        result["rows"].append(bench.measure(row))
        print(f"{row['name']}, {row['connections']} connections: {result['rows'][-1]['rate_x_nginx']}", file=sys.stderr)
    denied = {"name": "repeated denial", "path": f"manifests/{paths['denied']}", "connections": 16}
    if os.environ.get("ROWS", "") in denied["name"]:
        result["rows"].append(bench.denial(denied, manifest))
        print(f"repeated denial: {result['rows'][-1]['rate_x_manifest']}", file=sys.stderr)
    with open(sys.argv[2] + ".json", "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)
        out.write("\n")
    with open(sys.argv[2] + ".md", "w", encoding="utf-8") as out:
        out.write(markdown(result))
    print(markdown(result))


main()
