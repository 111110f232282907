#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reeve beside other job systems and beside the least that a broker on libzmq can be, in one run.

    cmake --build build --target peers         the drivers whose libraries are here; see peers/README.md
    tests/load/compare.py [OPTION]... [CASE]...

A round runs each case after the other, with fresh processes and a fresh folder each, so a machine
whose speed drifts hits all alike: look at the ratios of the medians, not at the figures. One client,
one worker with one slot, jobs of 16 bytes that do nothing, results of 8, all over loopback.

  rate       many jobs on their way, in jobs a second
  p50, p99   one job at a time, from handing it in to its result
  CPU        of server and worker with all below them, a job of the run that gives the rate; of the
             server alone also one job at a time ("single")
  flushes    of all disks during that run: whether a sync has happened

Exit status 1 when a process failed or Reeve lost, doubled or got wrong a job; whether the ratios are
good enough is for the reader to say.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICK = os.sysconf("SC_CLK_TCK")
START_S = 90  # for a server and its worker to be there
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@dataclasses.dataclass
class Case:
    """Commands, with {port}, {next} (the port after it), {dir}, {peers}, {bin}, {jobs} and {singles} to be filled in."""
    server: str
    worker: str
    rate: str
    single: str
    jobs: int
    singles: int = 5000
    single_worker: str = ""  # instead of the worker, when one job at a time comes
    setup: str = ""  # once the server listens
    after: str = ""  # once it has ended
    files: dict = dataclasses.field(default_factory=dict)  # in {dir}
    env: dict = dataclasses.field(default_factory=dict)

    def programs(self):
        return [command.split()[0] for command in (self.server, self.worker, self.rate)]


BATCH_WINDOW = 16000  # jobs on their way, of the yardstick that coalesces and of Reeve, which does too


def yardstick(jobs, server, worker, rate, single):
    front, back = "tcp://127.0.0.1:{port}", "tcp://127.0.0.1:{next}"
    return Case(*(c.replace("FRONT", front).replace("BACK", back) for c in (server, worker, rate, single)), jobs)


def reeve(durability, store, jobs, singles):
    bench = f"{{bin}}/reeve-bench --broker tcp://127.0.0.1:{{port}} --json --durability {durability} "
    return Case(f"{{bin}}/reeve-broker --bind tcp://127.0.0.1:{{port}} --store {store}",
                "{bin}/reeve-worker --broker tcp://127.0.0.1:{next} --slots 1",
                bench + f"--depth {BATCH_WINDOW} --jobs {{jobs}}", bench + "--depth 1 --jobs {singles}", jobs, singles)


def peer(server, driver, window, jobs, **more):
    driver = "{peers}/" + driver
    return Case(server, driver + " worker {port}", driver + f" rate {{port}} {{jobs}} {window}",
                driver + " single {port} {singles}", jobs, single_worker=driver + " worker {port} single", **more)


REDIS = "redis-server --bind 127.0.0.1 --port {port} --dir {dir} --save '' "
NATS = "nats-server -c {dir}/nats.conf"
LISTEN = "listen: 127.0.0.1:{port}\n"
BATCH = ("{peers}/batch worker BACK 8000", f"{{peers}}/batch client FRONT {{jobs}} {BATCH_WINDOW} 64", "{peers}/batch single FRONT {singles}")
CASES = {
    "L1": yardstick(400000, "{peers}/yardstick broker FRONT BACK", "{peers}/yardstick worker BACK 2000 8",
                    "{peers}/yardstick client FRONT {jobs} 4000 16", "{peers}/yardstick single FRONT {singles} 16"),
    "Z64": yardstick(4000000, "{peers}/batch broker FRONT BACK 64", *BATCH),
    "Z64w": yardstick(3000000, "{peers}/batch broker FRONT BACK 64 {dir}/log", *BATCH),
    "reeve": reeve("received", "memory", 1500000, 5000),
    "reeve-durable": reeve("durable", "{dir}/store", 500000, 1000),
    "redis": peer(REDIS + "--appendonly no", "redis", 4000, 200000),
    "redis-always": peer(REDIS + "--appendonly yes --appendfsync always", "redis", 4000, 200000, singles=1000),
    "nats": peer(NATS, "nats core", 8000, 500000, files={"nats.conf": LISTEN}),
    "jetstream": peer(NATS, "nats jetstream", 8000, 100000, setup="{peers}/nats jetstream setup {port}",
                      files={"nats.conf": LISTEN + "jetstream { store_dir: \"{dir}/streams\" }\n"}),
    "beanstalkd": peer("beanstalkd -l 127.0.0.1 -p {port}", "beanstalkd", 4000, 60000),
    "beanstalkd-always": peer("beanstalkd -l 127.0.0.1 -p {port} -b {dir} -f0", "beanstalkd", 4000, 3000, singles=500),
    "gearmand": peer("gearmand -L 127.0.0.1 -p {port} -l {dir}/log -P {dir}/pid -u root -t 1", "gearman", 1000, 50000),
    "rabbitmq": peer(RABBITMQ, "rabbitmq", 2000, 60000, singles=1000, setup="{peers}/rabbitmq setup {port}", after="epmd -kill",
                     files={"plugins": "[].\n", "rabbitmq.conf": "", "advanced.config": "[].\n"},
                     env={"HOME": "{dir}", "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": "{next}",
                          "RABBITMQ_NODENAME": "peer{port}@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
                          "RABBITMQ_NODE_PORT": "{port}", "RABBITMQ_DIST_PORT": "{third}", "RABBITMQ_PID_FILE": "{dir}/pid",
                          "RABBITMQ_MNESIA_BASE": "{dir}/data", "RABBITMQ_LOG_BASE": "{dir}/log",
                          "RABBITMQ_CONFIG_FILE": "{dir}/rabbitmq", "RABBITMQ_ADVANCED_CONFIG_FILE": "{dir}/advanced.config",
                          "RABBITMQ_CONF_ENV_FILE": "{dir}/none", "RABBITMQ_ENABLED_PLUGINS_FILE": "{dir}/plugins",
                          "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {{127,0,0,1}}"}),
}


def cpu_seconds(pid):
    """Of a process and all below it."""
    total = 0.0
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICK
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                total += sum(cpu_seconds(int(child)) for child in f.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def disk_flushes():
    with open("/proc/diskstats", encoding="ascii") as f:
        return sum(int(fields[18]) for fields in map(str.split, f) if len(fields) > 18)


class Run:
    """The processes of one case in one round, in a folder of their own; they end with the block, by the groups they lead."""

    def __init__(self, case, port, options, pinned):
        self.case, self.port = case, port
        self.prefix = ["taskset", "-c", "0"] if pinned else []
        self.folder_object = tempfile.TemporaryDirectory(prefix="reeve-compare-", dir=options.folder)
        self.folder = pathlib.Path(self.folder_object.name)
        build = pathlib.Path(options.build).resolve()
        self.words = {"port": port, "next": port + 1, "third": port + 2, "dir": self.folder, "bin": build / "bin",
                      "peers": build / "bin" / "peers", "jobs": case.jobs, "singles": case.singles}
        self.env = dict(os.environ, **{name: self.fill(value) for name, value in case.env.items()})
        self.processes = []

    def fill(self, text, **other):
        for name, value in {**self.words, **other}.items():
            text = text.replace("{" + name + "}", str(value))
        return text.replace("{{", "{").replace("}}", "}")

    def command(self, text, **other):
        return self.prefix + [self.fill(word, **other).replace("''", "") for word in text.split()]

    def __enter__(self):
        for name, text in self.case.files.items():
            (self.folder / name).write_text(self.fill(text))
        return self

    def __exit__(self, *_):
        for p in reversed(self.processes):
            self.end(p)
        if self.case.after:
            subprocess.run(self.command(self.case.after), env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=START_S, check=False)
        self.folder_object.cleanup()

    def end(self, p):
        if p in self.processes:
            self.processes.remove(p)
        try:
            os.killpg(p.pid, signal.SIGTERM)
            p.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        except ProcessLookupError:
            p.wait()

    def start(self, command):
        with open(self.folder / "said", "ab") as said:
            p = subprocess.Popen(self.command(command), env=self.env, cwd=self.folder, stdout=said, stderr=said,
                                 start_new_session=True)
        self.processes.append(p)
        return p

    def try_run(self, command, **other):
        return subprocess.run(self.command(command, **other), env=self.env, cwd=self.folder, capture_output=True, text=True,
                              timeout=300, check=False)

    def run(self, command):
        done = self.try_run(command)
        if done.returncode:
            raise RuntimeError(f"{command}: exit status {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    def run_counting(self, command, jobs, *processes):
        """What the command printed, and the processor time that each of the processes had meanwhile, in us a job."""
        before = [cpu_seconds(p.pid) for p in processes]
        printed = self.run(command)
        return printed, [(cpu_seconds(p.pid) - start) / jobs * 1e6 for p, start in zip(processes, before)]

    def until(self, condition, what):
        end = time.monotonic() + START_S
        while not condition():
            if time.monotonic() > end or any(p.poll() is not None for p in self.processes):
                raise RuntimeError(f"not within {START_S} s: {what}; it said: {(self.folder / 'said').read_text()[-2000:]}")

    def listens(self):
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def measure(self):
        case = self.case
        if self.listens():
            raise RuntimeError(f"somebody listens at port {self.port}: say another with --port")
        server = self.start(case.server)
        self.until(self.listens, "it listens")
        if case.setup:
            self.until(lambda: self.try_run(case.setup).returncode == 0, "its queues are there")
        worker = self.start(case.worker)
        self.until(lambda: self.try_run(case.rate, jobs=1000).returncode == 0, "a worker is there")
        flushes = disk_flushes()
        rate, cpu = self.run_counting(case.rate, case.jobs, server, worker)
        row = {"rate": rate["rate"], "flushes": disk_flushes() - flushes, "server_cpu_us": cpu[0], "worker_cpu_us": cpu[1]}
        if case.single_worker:
            self.end(worker)
            self.start(case.single_worker)
            self.until(lambda: self.try_run(case.single, singles=10).returncode == 0, "another worker is there")
        single, cpu = self.run_counting(case.single, case.singles, server)
        row.update(p50_us=single["p50_us"], p99_us=single["p99_us"], single_cpu_us=cpu[0])
        return row


def spread(values, digits=0):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def report(rows, pinned):
    mine = [row for row in rows if row["pinned"] == pinned]
    names = list(dict.fromkeys(row["case"] for row in mine))
    get = lambda case, key: [row[key] for row in mine if row["case"] == case]
    median = lambda case, key: statistics.median(get(case, key))
    print(f"\n{'pinned to core 0' if pinned else 'on all cores'}: median (least-most)")
    for case in names:
        print(f"  {case:17} rate {spread(get(case, 'rate'))} jobs/s, p50 {spread(get(case, 'p50_us'))}, p99 {spread(get(case, 'p99_us'))} us;"
              f" CPU a job: server {median(case, 'server_cpu_us'):.2f}, worker {median(case, 'worker_cpu_us'):.2f},"
              f" server one at a time {median(case, 'single_cpu_us'):.0f} us;"
              f" flushes {median(case, 'flushes'):,.0f}")
    for ours in names:
        for case in names:
            if ours.startswith("reeve") and not case.startswith("reeve"):
                ratio = {key: median(ours, key) / median(case, key) for key in ("rate", "p50_us", "p99_us", "server_cpu_us", "single_cpu_us")}
                print(f"  {ours} / {case}: rate {ratio['rate']:.2f}, p50 {ratio['p50_us']:.2f}, p99 {ratio['p99_us']:.2f},"
                      f" CPU of the server {ratio['server_cpu_us']:.2f}, one at a time {ratio['single_cpu_us']:.2f}")


def chosen(options):
    """The cases asked for, without those whose programs are not here."""
    words = {"peers": f"{options.build}/bin/peers", "bin": f"{options.build}/bin"}
    names = list(CASES) if options.cases == ["all"] else options.cases or ["L1", "reeve"]
    for name in [name for name in names if name not in CASES]:
        sys.exit(f"compare: no case {name}; there are: {' '.join(CASES)}")
    here = lambda program: shutil.which(program.format(**words), path=os.environ["PATH"] + ":/usr/sbin")
    for name in names:
        missing = [program.format(**words) for program in CASES[name].programs() if not here(program)]
        if missing:
            print(f"left out: {name}, for there is no {missing[0]}")
        else:
            yield name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="cases: " + " ".join(CASES))
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all, or of those below; L1 and reeve unless said otherwise")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", choices=("all", "one", "both"), default="both", help="on all cores, with everything on core 0, or both in turns")
    parser.add_argument("--build", default=os.environ.get("REEVE_BUILD", ROOT / "build"), help="a Release build of Reeve, with target peers")
    parser.add_argument("--port", type=int, default=7750, help="this port and the two above it")
    parser.add_argument("--folder", help="where stores and logs lie; the temporary folder unless said otherwise")
    parser.add_argument("--rows", help="append each measurement to this file, JSON lines")
    options = parser.parse_args()
    rows, names = [], list(chosen(options))
    for number in range(options.rounds):
        for pinned in {"all": (False,), "one": (True,), "both": (False, True)}[options.cores]:
            for name in names:
                row = {"case": name, "round": number, "pinned": pinned}
                with Run(CASES[name], options.port, options, pinned) as run:
                    row.update(run.measure())
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
                if options.rows:
                    with open(options.rows, "a", encoding="ascii") as f:
                        f.write(json.dumps(row) + "\n")
    for pinned in sorted({row["pinned"] for row in rows}):
        report(rows, pinned)


if __name__ == "__main__":
    main()
