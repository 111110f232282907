# SPDX-License-Identifier: Apache-2.0
"""The gRPC doors of the gateway with real clients of gRPC: the ticker, the to-do list, health, reflection; and with who
is none."""
import pathlib
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "doors"))
import grpc_python  # noqa: E402

grpc_python.enter()

import grpc  # noqa: E402
from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase  # noqa: E402

from farm import DEADLINE_S, Farm, NotHere, Process, main  # noqa: E402
from gateway import Gateway  # noqa: E402

CLIENTS = pathlib.Path(__file__).resolve().parent / "doors"
STUBS = tempfile.TemporaryDirectory(prefix="reeve-test-stubs-")
grpc_python.make_stubs(STUBS.name)
sys.path.insert(0, STUBS.name)

import fin_pb2  # noqa: E402
import fin_pb2_grpc  # noqa: E402
import todo_pb2  # noqa: E402
import todo_pb2_grpc  # noqa: E402

SERVICES = {"StockTicker", "todo.TodoService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"}


class DoorFarm(Farm):
    def doors(self, *words):
        """A gateway with both doors on one port."""
        self.door = self.port + 4
        self.gateway = Gateway(self, "--doors", "ticker,todo", "--ticker-port", self.door, "--todo-port", self.door,
                               "--ticker-interval", "0.1", *words)
        return self.gateway

    @property
    def target(self):
        return f"localhost:{self.door}"

    def channel(self, **options):
        # Without this option channels to one target share a connection.
        return grpc.insecure_channel(self.target, options=[("grpc.use_local_subchannel_pool", 1), *options.items()])

    def seed_client(self, name, *words, stdin=None):
        env = dict(self.env, PYTHONPATH=STUBS.name, PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
        process = Process([sys.executable, CLIENTS / name, self.target, *words], self.folder, env, stdin=stdin)
        self.processes.append(process)
        return process


def fails(code, call, text=""):
    """The error that a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
        assert text in error.details(), error.details()
        return error
    raise AssertionError(f"it went well, not {code}")


class Watcher:
    """A to-do watcher, once its watch stands."""

    def __init__(self, stub):
        self.call = stub.WatchTasks(todo_pb2.WatchTasksRequest())
        self.call.initial_metadata()
        self.changes = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for update in self.call:
                self.changes.put((update.task.id, update.task.title, update.task.completed, update.action))
        except grpc.RpcError as error:
            self.changes.put(error.code())

    def next(self):
        return self.changes.get(timeout=DEADLINE_S)


# --- the ticker ----------------------------------------------------------------------------------


def test_the_tickers_own_client_ends_by_itself(farm):
    farm.broker()
    farm.worker()
    farm.doors()
    client = farm.seed_client("ticker_client.py", "0.2")
    assert client.wait() == 0
    text = "\n".join(client.lines)
    assert re.findall(r"📈 (\w+):", text) == ["AAPL"] * 5 + ["GOOGL"] * 5 + ["TSLA"] * 5 + ["MSFT"] * 5, text
    assert "rror" not in text and text.count("Price: $") == 20


def test_prices_are_what_they_should_be(farm):
    farm.broker()
    farm.worker()
    farm.doors()
    with farm.channel() as channel:
        stub = fin_pb2_grpc.StockTickerStub(channel)
        asked = [fin_pb2.TickerRequest(ticker_symbol=name) for name in ("brk.b", "AAPL", "brk.b")]
        updates = list(stub.SubscribeToStockUpdates(iter(asked), timeout=DEADLINE_S))
    assert [update.ticker_symbol for update in updates] == ["brk.b"] * 5 + ["AAPL"] * 5 + ["brk.b"] * 5
    for update in updates:
        before = update.current_price - update.price_change
        assert 100 <= before <= 500 and 1000 <= update.volume <= 100000, update
        assert abs(update.change_percent - 100 * update.price_change / before) < 0.01, update
        assert update.timestamp > 1_600_000_000


def test_many_followers_of_one_symbol(farm):
    farm.broker()
    farm.worker()
    farm.doors()
    with farm.channel() as channel:
        stub = fin_pb2_grpc.StockTickerStub(channel)
        calls = [stub.SubscribeToStockUpdates(iter([fin_pb2.TickerRequest(ticker_symbol="AAPL")]), timeout=DEADLINE_S)
                 for _ in range(20)]
        assert all(len(list(call)) == 5 for call in calls)


def test_symbols_that_are_none(farm):
    farm.broker()
    farm.worker()
    farm.doors()
    with farm.channel() as channel:
        stub = fin_pb2_grpc.StockTickerStub(channel)
        for symbol in ("", "AAPL/0.01", "no symbol", "x" * 65, "x" * 30):
            asked = iter([fin_pb2.TickerRequest(ticker_symbol=symbol)])
            fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: list(stub.SubscribeToStockUpdates(asked, timeout=DEADLINE_S)))


def test_a_ticker_without_a_worker(farm):
    farm.broker()
    farm.doors()
    with farm.channel() as channel:
        stub = fin_pb2_grpc.StockTickerStub(channel)
        asked = iter([fin_pb2.TickerRequest(ticker_symbol="AAPL")])
        fails(grpc.StatusCode.UNAVAILABLE, lambda: list(stub.SubscribeToStockUpdates(asked, timeout=DEADLINE_S)), "no worker")


# --- the to-do list ------------------------------------------------------------------------------


def test_the_lists_own_client(farm):
    farm.broker()
    farm.doors()
    words = farm.folder / "words"
    words.write_text("1\nКупить молоко\n1\nBread\n3\n2\n2\n4\n")
    client = farm.seed_client("todo_client.py", stdin=words)
    assert client.wait() == 0
    text = "\n".join(client.lines)
    assert "Added task ID: 1" in text and "Added task ID: 2" in text and "Success!" in text, text
    assert "  1: Купить молоко" in text and "✓ 2: Bread" in text, text


def test_two_watchers_see_every_change(farm):
    farm.broker()
    farm.doors()
    with farm.channel() as one, farm.channel() as other:
        stub = todo_pb2_grpc.TodoServiceStub(one)
        first, second = Watcher(stub), Watcher(todo_pb2_grpc.TodoServiceStub(other))
        third = Watcher(stub)  # also several on one connection
        assert stub.AddTask(todo_pb2.AddTaskRequest(title="milk")).task == todo_pb2.Task(id=1, title="milk")
        assert stub.CompleteTask(todo_pb2.CompleteTaskRequest(task_id=1)).success
        assert farm.reeve("todo", "add", "from the command line").returncode == 0
        for watcher in (first, second, third):
            assert watcher.next() == (1, "milk", False, "ADDED")
            assert watcher.next() == (1, "milk", True, "COMPLETED")
            assert watcher.next() == (2, "from the command line", False, "ADDED")
            assert watcher.changes.empty()
        third.call.cancel()
        assert third.next() == grpc.StatusCode.CANCELLED
        stub.AddTask(todo_pb2.AddTaskRequest(title="bread"))
        assert first.next() == second.next() == (3, "bread", False, "ADDED")
        late = Watcher(stub)  # no snapshot
        stub.AddTask(todo_pb2.AddTaskRequest(title="last"))
        assert late.next() == (4, "last", False, "ADDED")
        assert [(task.id, task.completed) for task in stub.GetTasks(todo_pb2.GetTasksRequest()).tasks] == \
            [(1, True), (2, False), (3, False), (4, False)]
    assert "✓ 1: milk" in farm.reeve("todo", "list").stdout


def test_tasks_that_are_none(farm):
    farm.broker()
    farm.doors()
    with farm.channel() as channel:
        stub = todo_pb2_grpc.TodoServiceStub(channel)
        for task in (99, 0, -1, 2**31 - 1):
            error = fails(grpc.StatusCode.NOT_FOUND, lambda: stub.CompleteTask(todo_pb2.CompleteTaskRequest(task_id=task)))
            assert error.details() == "Task not found"
        fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub.AddTask(todo_pb2.AddTaskRequest(title="x" * 5000)))
        assert list(stub.GetTasks(todo_pb2.GetTasksRequest()).tasks) == []


def test_a_list_of_many(farm):
    farm.broker()
    farm.doors()
    with farm.channel() as channel:
        stub = todo_pb2_grpc.TodoServiceStub(channel)
        added = [stub.AddTask.future(todo_pb2.AddTaskRequest(title=f"task {i}")) for i in range(2500)]
        assert sorted(call.result().task.id for call in added) == list(range(1, 2501))
        assert [task.id for task in stub.GetTasks(todo_pb2.GetTasksRequest()).tasks] == list(range(1, 2501))


# --- deadlines, ends, limits ---------------------------------------------------------------------


def test_a_deadline_and_a_stop(farm):
    farm.broker()
    gateway = farm.doors()
    with farm.channel() as channel:
        stub = todo_pb2_grpc.TodoServiceStub(channel)
        fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: list(stub.WatchTasks(todo_pb2.WatchTasksRequest(), timeout=0.2)))
        watcher = Watcher(stub)
        assert gateway.process.stop() == 0
        assert watcher.next() == grpc.StatusCode.UNAVAILABLE
    assert "ERROR" not in gateway.process.stderr_path.read_text()


def test_a_broker_that_is_away(farm):
    broker = farm.broker("--store", farm.folder / "store")
    farm.doors()
    with farm.channel() as channel:
        stub = todo_pb2_grpc.TodoServiceStub(channel)
        health = health_pb2_grpc.HealthStub(channel)
        states = iter(health.Watch(health_pb2.HealthCheckRequest(service="todo.TodoService")))
        assert next(states).status == health_pb2.HealthCheckResponse.SERVING
        watcher = Watcher(stub)
        broker.stop()
        assert next(states).status == health_pb2.HealthCheckResponse.NOT_SERVING
        fails(grpc.StatusCode.UNAVAILABLE, lambda: stub.GetTasks(todo_pb2.GetTasksRequest()))
        farm.broker("--store", farm.folder / "store")
        assert next(states).status == health_pb2.HealthCheckResponse.SERVING
        assert watcher.next() == grpc.StatusCode.UNAVAILABLE  # what it has missed nobody knows
        watcher = Watcher(stub)
        assert stub.AddTask(todo_pb2.AddTaskRequest(title="again")).task.id == 1
        assert watcher.next() == (1, "again", False, "ADDED")


def test_limits(farm):
    farm.broker()
    farm.doors()
    with farm.channel() as channel:
        stub = todo_pb2_grpc.TodoServiceStub(channel)
        watcher = Watcher(stub)
        large = todo_pb2.AddTaskRequest(title="x" * (5 << 20))
        fails(grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: stub.AddTask(large))
        milk = todo_pb2.AddTaskRequest(title="milk" * 200)
        fails(grpc.StatusCode.UNIMPLEMENTED, lambda: stub.AddTask(milk, compression=grpc.Compression.Gzip))
        fails(grpc.StatusCode.UNIMPLEMENTED, lambda: channel.unary_unary("/todo.TodoService/None")(b""), "unknown method")
        fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: channel.unary_unary("/todo.TodoService/AddTask")(b"\x0a\x09x"))
        fails(grpc.StatusCode.RESOURCE_EXHAUSTED,
              lambda: stub.GetTasks(todo_pb2.GetTasksRequest(), metadata=[("big", "x" * 20000)]))
        assert stub.AddTask(todo_pb2.AddTaskRequest(title="fine")).task.id == 1
        assert watcher.next() == (1, "fine", False, "ADDED")


def test_a_watcher_that_never_reads(farm):
    farm.broker()
    gateway = farm.doors()
    with farm.channel(**{"grpc.http2.bdp_probe": 0}) as deaf, farm.channel() as channel:
        stub = todo_pb2_grpc.TodoServiceStub(channel)
        unread = todo_pb2_grpc.TodoServiceStub(deaf).WatchTasks(todo_pb2.WatchTasksRequest())
        unread.initial_metadata()
        watcher = Watcher(stub)
        count = 1000
        added = [stub.AddTask.future(todo_pb2.AddTaskRequest(title="x" * 1000)) for _ in range(count)]
        assert all(call.result() for call in added)
        assert [watcher.next()[0] for _ in range(count)] == list(range(1, count + 1))
        read = []

        def read_late():
            for update in unread:
                read.append(update.task.id)

        fails(grpc.StatusCode.RESOURCE_EXHAUSTED, read_late, "not read")
        assert read == list(range(1, len(read) + 1)) and 50 < len(read) < count  # whole, in order, then the end
        assert gateway.process.child.poll() is None


def test_who_speaks_no_grpc(farm):
    farm.broker()
    farm.doors()
    with farm.channel() as channel:
        stub = todo_pb2_grpc.TodoServiceStub(channel)
        half_open = socket.create_connection(("127.0.0.1", farm.door))
        half_open.sendall(b"PRI * HT")
        with socket.create_connection(("127.0.0.1", farm.door), DEADLINE_S) as old:
            old.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            said = b"".join(iter(lambda: old.recv(4096), b""))
        assert said.startswith(b"HTTP/1.1 505 ") and b"gRPC" in said, said
        for words in (bytes(range(256)) * 20, b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"x" * 500):
            with socket.create_connection(("127.0.0.1", farm.door), DEADLINE_S) as other:
                other.sendall(words)
                while other.recv(4096):
                    pass
        assert stub.AddTask(todo_pb2.AddTaskRequest(title="fine")).task.id == 1
        half_open.close()


# --- how much, how fast --------------------------------------------------------------------------


def memory_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def test_a_thousand_streams_wait_in_little_memory(farm):
    farm.broker()
    gateway = farm.doors()
    channels = [farm.channel() for _ in range(10)]  # a connection has a hundred calls at most
    stubs = [todo_pb2_grpc.TodoServiceStub(channel) for channel in channels]
    for stub in stubs:
        stub.GetTasks(todo_pb2.GetTasksRequest())
    before = memory_mib(gateway.process)
    calls = [stub.WatchTasks(todo_pb2.WatchTasksRequest()) for stub in stubs for _ in range(100)]
    for call in calls:
        call.initial_metadata()
    grown = memory_mib(gateway.process) - before
    print(f"1000 idle streams: {grown:.1f} MiB")
    assert grown < 100
    assert farm.reeve("todo", "add", "to all").returncode == 0
    assert all(next(call).task.title == "to all" for call in calls)
    for channel in channels:
        channel.close()


def test_unary_calls_on_one_connection(farm):
    farm.broker()
    farm.doors()
    count = 20000
    body = farm.folder / "body"
    body.write_bytes(bytes(5))
    done = subprocess.run(["h2load", "-n", str(count), "-c", "1", "-m", "100", "-d", body, "-H", "te: trailers",
                           "-H", "content-type: application/grpc", f"http://127.0.0.1:{farm.door}/grpc.health.v1.Health/Check"],
                          capture_output=True, text=True, timeout=DEADLINE_S)
    assert f"{count} succeeded" in done.stdout, done
    print("unary calls on one connection:", re.search(r"([\d.]+ req/s)", done.stdout)[1])


# --- health, reflection, the command line --------------------------------------------------------


def test_health(farm):
    farm.broker()
    farm.doors()
    with farm.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", *SERVICES):
            assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == \
                health_pb2.HealthCheckResponse.SERVING
        for service in ("todo", "todo.TodoServic", "todo.TodoService/", "todo.TodoService/AddTask"):
            fails(grpc.StatusCode.NOT_FOUND, lambda: health.Check(health_pb2.HealthCheckRequest(service=service)))
        states = health.Watch(health_pb2.HealthCheckRequest(service="none"))
        assert next(states).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def test_reflection(farm):
    farm.broker()
    farm.doors()
    with farm.channel() as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(database.get_services()) == SERVICES
        todo = database.FindFileContainingSymbol("todo.TodoService")
        assert todo.name == "todo.proto" and [method.name for method in todo.service[0].method] == \
            ["AddTask", "GetTasks", "CompleteTask", "WatchTasks"]
        for symbol, name in (("StockTicker", "fin.proto"), ("StockUpdate.volume", "fin.proto"), ("todo.Task", "todo.proto"),
                             ("todo.TodoService.AddTask", "todo.proto"), ("Grpc.RtoApi.TagVal", "rto.proto"),
                             ("grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto")):
            assert database.FindFileContainingSymbol(symbol).name == name
        assert database.FindFileByName("fin.proto").service[0].name == "StockTicker"
        for symbol in ("todo", "todo.", "todo.None", "todo.TodoService.None", "Task", ""):
            try:
                found = ProtoReflectionDescriptorDatabase(channel).FindFileContainingSymbol(symbol)
                raise AssertionError(f"{symbol} is in {found.name}")
            except KeyError:
                pass


def test_ports(farm):
    farm.broker()
    farm.doors()
    words = ["--http", f"127.0.0.1:{farm.port + 5}", "--broker", farm.address, "--doors"]
    taken = farm.start("reeve-gateway", *words, "todo", "--todo-port", farm.door)
    assert taken.wait() == 7 and f"port {farm.door}: Address already in use" in taken.stderr_path.read_text()
    for list_ in ("nothing", "todo,", "", "none,todo"):
        wrong = farm.start("reeve-gateway", *words, list_)
        assert wrong.wait() == 2 and "there is no door" in wrong.stderr_path.read_text()
    named = farm.start("reeve-gateway", *words, "ticker,todo", "--todo-port", farm.door, "--ticker-port", farm.door)
    assert named.wait() == 7 and f"door ticker, todo: cannot listen on 127.0.0.1 port {farm.door}: " in named.stderr(), named.stderr()
    for option in ("todo", "ticker", "rto", "rto-plant", "text", "dask"):
        wrong = farm.start("reeve-gateway", *words, "todo", f"--{option}-port", 65536)
        assert wrong.wait() == 2 and f"--{option}-port" in wrong.stderr(), wrong.stderr()
    open_to_all = farm.start("reeve-gateway", *words, "todo", "--door-host", "0.0.0.0")
    assert open_to_all.wait() == 7 and "not loopback" in open_to_all.stderr_path.read_text()


def test_localhost_is_either_address(farm):
    farm.broker()
    farm.doors()
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError as error:
            raise NotHere("no ::1") from error
    check = health_pb2.HealthCheckRequest()
    for host in ("127.0.0.1", "[::1]", "localhost"):
        with grpc.insecure_channel(f"{host}:{farm.door}") as channel:
            assert health_pb2_grpc.HealthStub(channel).Check(check, timeout=DEADLINE_S).status == \
                health_pb2.HealthCheckResponse.SERVING, host
    farm.gateway.process.stop()
    words = ["--http", f"127.0.0.1:{farm.port + 5}", "--broker", farm.address, "--doors", "todo", "--todo-port", farm.door]
    with socket.socket(socket.AF_INET6) as taken:  # clients of localhost may come there
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("::1", farm.door))
        taken.listen()
        refused = farm.start("reeve-gateway", *words)
        assert refused.wait() == 7 and f"door todo: cannot listen on [::1] port {farm.door}: " in refused.stderr(), refused.stderr()
        farm.gateway = Gateway(farm, *words[4:], "--door-host", "127.0.0.1")  # who wants the one alone says so


if __name__ == "__main__":
    main(globals(), make=DoorFarm)
