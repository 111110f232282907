# SPDX-License-Identifier: Apache-2.0
"""versions: a way between two peers of this release that makes each look to the other like one of another release that
speaks the same version of the protocol.

    later    every record has fields that nobody knows, and every body a record of a type that nobody knows
    first    fields and records that are not in first.def, the list as it was when version 1 was first spoken, are left out

It is not the protocol's codec: it knows arrays, and where they end.
"""
import pathlib
import threading

import msgpack
import zmq

import wire

FIRST = wire.read_records(pathlib.Path(__file__).with_name("first.def"))
FIRST_FIELDS = {number: len(fields) for number, _, fields in FIRST.values()}
UNKNOWN_TYPE = 999


def arrays(body):
    unpacker = msgpack.Unpacker(raw=False, max_buffer_size=64 << 20, max_bin_len=64 << 20, max_str_len=64 << 20)
    unpacker.feed(body)
    return list(unpacker)


def later(body):
    """Fields that may be left out are said, for what is unknown comes behind them."""
    out = [[UNKNOWN_TYPE, {"of": "a later release"}]]
    for number, *values in arrays(body):
        layout = wire.RECORDS[wire.NAMES[number]][2]
        known = values + [None if kind == "ID" else wire.EMPTY[kind] for kind, _ in layout[len(values):]]
        out.append([number, *known, "unknown", ["to", {"you": 1}]])
    return b"".join(msgpack.packb(array, use_bin_type=True) for array in out)


def first(body):
    known = [array for array in arrays(body) if array[0] in FIRST_FIELDS]
    return b"".join(msgpack.packb(array[:1 + FIRST_FIELDS[array[0]]], use_bin_type=True) for array in known)


class Way:
    """From a port to one of the broker's; a peer has a connection of its own there, as it would without us."""

    def __init__(self, context, port, target, translate):
        self.context, self.target, self.translate = context, target, translate
        self.front = context.socket(zmq.ROUTER)
        self.front.linger = 0
        self.front.bind(f"tcp://127.0.0.1:{port}")
        self.stop, self.stopped = (context.socket(zmq.PAIR) for _ in range(2))
        self.stopped.bind(f"inproc://way-{port}")
        self.stop.connect(f"inproc://way-{port}")
        self.backs = {}  # who: the socket that is its other half
        self.said = 0    # bodies translated
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def back_of(self, who, poller):
        if who not in self.backs:
            back = self.context.socket(zmq.DEALER)
            back.linger = 0
            back.connect(f"tcp://127.0.0.1:{self.target}")
            poller.register(back, zmq.POLLIN)
            self.backs[who] = back
        return self.backs[who]

    def run(self):
        poller = zmq.Poller()
        for socket in (self.front, self.stopped):
            poller.register(socket, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self.stopped in ready:
                break
            if self.front in ready:
                who, body = self.front.recv_multipart()
                self.back_of(who, poller).send(self.translate(body))
                self.said += 1
            for who, back in self.backs.items():
                if back in ready:
                    self.front.send_multipart([who, self.translate(back.recv())])
                    self.said += 1
        for socket in (self.front, self.stopped, *self.backs.values()):
            socket.close()

    def close(self):
        self.stop.send(b"")
        self.thread.join()
        self.stop.close()
