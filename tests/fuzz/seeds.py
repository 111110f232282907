#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""seeds.py VECTORS OUT: writes the starting inputs of the fuzz targets into OUT/TARGET/."""
import json
import pathlib
import struct
import sys



def pieces(*parts):
    """Behind a preface: each a letter and its bytes (see fuzz_grpc.c)."""
    return b"\1" + b"".join(part[:1] + bytes([len(part) - 1]) + part[1:] for part in parts)


def part(number, value):
    """A field of protobuf, of bytes."""
    return bytes([number << 3 | 2, len(value)]) + value


def tag(id_, name, kind, lower, upper):
    return part(1, id_) + part(2, name) + part(3, kind) + struct.pack("<Bd", 0x21, lower) + struct.pack("<Bd", 0x29, upper)


def tag_value(id_, number):
    return part(1, id_) + struct.pack("<Bd", 0x19, number)


TEXTS = {
    # Unary at once, later and never; a stream that fills up; a chat; frames of every type; a stop.
    "grpc": [pieces(b"h\0", b"d\0\0\0\0\1x", b"e", b"s", b"h\0", b"d\0\0\0\0\3abc", b"e", b"s", b"a", b"s", b"t\4", b"t\3"),
             pieces(b"h\1", b"d\0\0\0\0\0", b"e", b"s", b"f\x08\0\0\0\1\0\0", b"f\x08\0\1\0\1\0\0", b"s", b"q", b"t\2", b"s"),
             pieces(b"h\2", b"d\0\0\0\0\2\2x\0\0\0\0\1\3", b"s", b"h\2", b"e", b"s", b"f\3\0\3\0\0\0\x08", b"s"),
             pieces(b"h\0\x0f\x0d\2" + b"9m", b"t\1", b"s", b"h\2", b"q", b"s", b"t\2", b"s"),
             pieces(*(b"f" + bytes([kind, 0, 0]) + bytes(8) for kind in range(12)), b"s", b"t\5"),
             pieces(b"h\3", b"d\0\0\0\0\x0f\x12\x04\x0a\x02XA\x22\x03[x]*\x01\x38\x05", b"e", b"s"),
             b"\0rPRI * HTTP/1.1\r\n\r\n", b"\0r\x0eGET / HTTP/1.1"],
    "acl": [b"# all\nclient a " + b"1" * 40 + b" calculator.,bench.\nworker b " + b"2" * 40 + b" *\n",
            b"revoked a " + b"1" * 40 + b"\nadmin\ta " + b"3" * 40 + b" *", b"watcher w " + b"0000#" * 8 + b" *"],
    "text_command": [b"calculator calculate 2 + 2\n", b"fibonacci_generator calculate 100",
                     b"neural_analyzer polarity not good at all\r\n", b" \n", b"a b " + b"x" * 3000],
    # Tags, doubled and of every type, with an objective over their names; values that came; a beginning: see fuzz_rto_words.c.
    "rto_words": [b"\3" + part(2, tag(b"y", b"Y", b"Numeric", -1e100, 2)) + part(3, tag(b"x", b"pump", b"Integer", -2.5, 7)) +
                  part(3, tag(b"", b"b", b"Bool", 0, 0)) + part(3, tag(b"x", b"", b"", 0, 1e308)) +
                  part(4, b"[pump]^2 + [Y] - [J] + [") + b"\x28\1" + part(6, b"GaussOpt") + b"\x38\5" + part(8, b"m"),
                  b"\1" + part(3, tag_value(b"x", 1.5)) + part(3, tag_value(b"x", float("nan"))) + part(5, tag_value(b"J", 2)),
                  b"\2" + part(3, tag_value(b"CV1", 3)) + part(4, tag_value(b"MV1", -0.0))],
    "url": [b"/v1/jobs/0000000000001?state=ok&limit=%31%30\n17.42,.7,-", b"/%2e%2e/a%00b", b"/a//b/./c?&&=&x", b"/?a=%zz\n-,-",
            b"*\n1.2"],
    "dask": [b'\0{"Header":"Info","Request":"All statistic"}', b'\3{"Header":"info","Request":"Status"} and more',
             b'\1{"Header":"Dask","Request":{"Directory":"C:/d/","Base":"b.parquet","File":"f.py"}}',
             b'\2{"Header":"x","Response":[{},"}\\"]"]}', b"\0[1,{]", b"\0nonsense", b'\0{"a":1,"a":2}'],
    "value": [b'#[1,-2,3.5e10,"a\\u00e4\\n",{"k":[null,true,false]}]', b"#18446744073709551615",
              b"#-9223372036854775808", b"#[[[[[[]]]]]]", b"#1e400", b"#0.1", b"\xcb\x7f\xf8" + bytes(6),
              b"\xa3\xff\xfe\xfd", b"\xd6\x05abcd", b"\xc4\x03abc"],
    "polarity": [text.encode() for text in
                 ("Not bad at all, but the ending... :( 10/10 /s", "Сервис very bad, но еда ВКУСНАЯ))) ну вот (",
                  "I don't / do n't / dont (!) :'( xDD <3 ^_^ 👍 http://a.b/c @me", "sooooo неттакогослова caf\u00e9\u2019t")],
    # A method, evaluations, then damage (place, place, change): see fuzz_optimiser_state.c.
    "optimiser_state": [bytes([method, evaluations]) + damage
                        for method, evaluations in ((0, 50), (1, 20), (9, 35), (25, 59), (40, 8))
                        for damage in (b"", b"\0\0\1", b"\1\7\xff\2\x55\x80")] + [b"#\x93\1\0\xc4\0"],
    # Connect, be welcomed, a runner comes, leases, work: see fuzz_agent.c for the letters.
    "agent": [b"C\0\0m\0\3" + b"".join(b"s" + bytes([i, 0]) + b"y" + bytes([i, 0]) for i in range(4)) +
              b"l\0\0l\0\2l\0\1" + b"g\0\0r\0\0g\1\0r\1\1" * 4 + b"m\0\2z\0\xff",
              b"C\0\0m\0\3s\0\0y\0\0l\0\x10l\0\0g\0\0e\0\1z\0\xffm\0\0m\0\1D\0\0z\0\xffC\0\0q\0\0z\0\xff",
              b"L\0\0L\1\2L\0\1s\0\0y\0\0g\0\0r\0\0" * 3,
              # What it notes, in time and not.
              b"C\0\0m\0\3s\0\0y\0\0l\0\0l\0\0g\0\0" + b"n\0\4n\0\3z\0\xff" * 3 + b"D\0\0n\0\4C\0\0z\0\0r\0\0n\0\4",
              # One grows and is followed by its twin; another grows too much.
              b"C\0\0m\0\3s\0\0y\0\0" + b"l\0\0" * 4 + b"g\0\0r\0\0u\0\xd0s\4\0y\4\0g\4\0u\4\xff" * 2],
    # Say hello as client 0 and worker 4, offer, submit, answer: see fuzz_step.c for the letters.
    "step": [b"h\0\0h\4\0o\4\0s\0\0r\4\0" * 3, b"h\0\0s\0\1s\0\2h\5\0o\5\0t\5\1g\5\0z\0\xffz\0\xff",
             b"h\0\0h\4\0o\4\0" + b"s\0\3" * 30 + b"r\4\1" * 20 + b"a\0\1a\0\3a\0\5f\0\0",
             # With a list in force, another, and jobs meanwhile.
             b"k\7\x80h\0\0h\1\0h\4\0o\4\0s\0\0s\1\0a\1\1a\1\3r\4\0k\4\x80s\0\0h\4\0o\4\0k\0\xc0u\0\0s\0\0f\0\0"],
}


def main(vectors, out):
    for target in {"record", "pack", *TEXTS}:
        (out / target).mkdir(parents=True, exist_ok=True)
    for path in sorted(vectors.glob("*.json")):
        for case in json.loads(path.read_text())["cases"]:
            data = bytes.fromhex(case["hex"])
            for target in ("record", "pack", "value"):
                (out / target / f"{path.stem}-{case['name']}").write_bytes(data)
    for target, texts in TEXTS.items():
        for i, text in enumerate(texts):
            (out / target / str(i)).write_bytes(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
