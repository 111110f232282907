# SPDX-License-Identifier: Apache-2.0
# Reeve among the cases of a runner that measures several systems in turns: it reads this file with
# case() and Srv() at hand. See peer_reeve.py.
import os as _os

_here = _os.environ.get("REEVE_LOAD", _os.path.dirname(_os.path.abspath(OURS)))
_build = _os.path.abspath(_os.environ.get("REEVE_BUILD", _os.path.join(_here, "..", "..", "build")))
_peer = _os.path.join(_here, "peer_reeve.py")


def _broker(store):
    return lambda: Srv([_os.path.join(_build, "bin", "reeve-broker"), "--bind", "tcp://127.0.0.1:{port}",
                        "--store", store])


for _name, _class, _store, _count in (("received", "received", "memory", 1000000),
                                      ("durable", "durable", "{dir}/store", 400000)):
    _lat = _peer + " lat {port} 2000 " + _class
    case("reeve-" + _name, _broker(_store), _peer + " worker {port}", _peer + " rate {port} {n} " + _class + " 1000",
         _count, lat=_lat, fill=_peer + " fill {port} {n} " + _class, wsettle=1.0)
    case("reeve-" + _name + "-1", _broker(_store), _peer + " worker {port}",
         _peer + " rate {port} {n} " + _class + " 1", 5000, lat=_lat, wsettle=1.0)
