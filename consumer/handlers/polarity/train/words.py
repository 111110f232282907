# SPDX-License-Identifier: Apache-2.0
"""words.c once more: a text as a run of tokens. What changes there changes here too; a test compares
what comes of the two on a thousand sentences."""
import re
from dataclasses import dataclass

WORD, COMMA, STOP, MARK = "word", "comma", "stop", "mark"

TEXT_MAX = 64  # bytes
KINDS = ("skip", "irony", "face", "word", "stop", "closing", "opening", "mark", "comma")
NOT = frozenset(("n't", "n\u2019t", "n\u02bct", "nt"))
DONT = frozenset("ai are ca could did do does had has have is must need should was were wo would".split())

BLANKS = ("", " ", "\t", "\n", "\r", "\xa0", "\0")  # "" is the end

_LETTER = r"a-z\u00df-\u00f6\u00f8-\u024f\u0430-\u052f"  # after lower()
_WORD = rf"[{_LETTER}0-9]"
_BLANK = r" \t\n\r\u00a0\0"
_TOKEN = re.compile(rf"""
      (?P<skip> (?:https?://|www\.|@)[^{_BLANK}]*)
    | (?P<irony> (?<![^{_BLANK}])/s(?![^{_BLANK}]) | \(!\))
    | (?P<face> <3 | \^_\^ | \^\^ | [:;=]['-]?(?P<mouth>[)(\][|\\/*]) (?:(?!/)(?P=mouth))*
              | (?:[:;=]['-]?(?P<tongue>[dpo3])|x['-]?(?P<laugh>d)) (?:(?P=tongue)|(?P=laugh))* (?!{_WORD}))
    | (?P<word> n['\u2019\u02bc]t(?!{_WORD}) | {_WORD}+?(?=n['\u2019\u02bc]t(?!{_WORD})) | {_WORD}+)
    | (?P<stop> [.!?;\u2026]+)
    | (?P<closing> \)+)
    | (?P<opening> \(+)
    | (?P<mark> [\u2600-\u27bf\u2b50\U0001f300-\U0001faff])
    | (?P<comma> [,:\u2013\u2014\n])
    """, re.VERBOSE)
_DRAWN = re.compile(rf"([{_LETTER}])\1\1+")


@dataclass(slots=True)
class Token:
    kind: str
    text: str = ""
    count: int = 0  # of '!' in a stop, of mouths or brackets of a mark
    capitals: bool = False
    drawn: bool = False


def _lower(c):
    if c in "\u0401\u0451":
        return "\u0435"
    if "A" <= c <= "Z" or "\xc0" <= c <= "\xde" and c != "\xd7" or "\u0410" <= c <= "\u042f":
        return chr(ord(c) + 0x20)
    return chr(ord(c) + 0x50) if "\u0400" <= c <= "\u040f" else c


_LOWER = {ord(c): _lower(c) for c in map(chr, range(0x41, 0x460)) if _lower(c) != c}


def _is_upper(c):
    return "A" <= c <= "Z" or "\xc0" <= c <= "\xde" and c != "\xd7" or "\u0400" <= c <= "\u042f"


def _cut(word):
    """What fits; C leaves out each letter that does not."""
    size, kept = 0, []
    for c in word:
        more = len(c.encode())
        if size + more <= TEXT_MAX:
            kept.append(c)
            size += more
    return "".join(kept)


def _words(low, raw):
    letters = [c for c, l in zip(raw, low) if not "0" <= l <= "9"]
    capitals = len(letters) >= 2 and all(map(_is_upper, letters))
    drawn = bool(_DRAWN.search(low))
    if low in NOT:
        return [Token(WORD, "n't")]
    if low[-2:] == "nt" and low[:-2] in DONT:
        return [Token(WORD, low[:-2]), Token(WORD, "n't")]
    return [Token(WORD, _cut(_DRAWN.sub(r"\1\1", low)), 0, capitals, drawn)]


def _face(low):
    if low[0] in "<^":
        return Token(MARK, low[0] + low[-1], 1)
    nose = low[1] if low[1] in "'-" else ""
    mouth = low[1 + len(nose)]
    text = {"=": ":"}.get(low[0], low[0]) + ("'" if nose == "'" else "") + {"]": ")", "[": "("}.get(mouth, mouth)
    return Token(MARK, text, len(low) - 1 - len(nose))


def _stop(low):
    text = "?!" if "!" in low and "?" in low else "!" if "!" in low else "?" if "?" in low else \
        "..." if "\u2026" in low or ".." in low else "."
    return Token(STOP, text, low.count("!"))


def tokens(text):
    """The tokens of a text in UTF-8 (bytes; what is none is U+FFFD) or a str."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    low, out, opened = text.translate(_LOWER), [], 0
    for m in _TOKEN.finditer(low):
        kind, at = next(kind for kind in KINDS if m[kind] is not None), m[0]
        if kind == "word":
            out += _words(at, text[m.start():m.end()])
        elif kind == "irony":
            out.append(Token(MARK, "/s", 1))
        elif kind == "face":
            out.append(_face(at))
        elif kind == "stop":
            out.append(_stop(at))
            opened = 0
        elif kind == "mark":
            out.append(Token(MARK, at, 1))
        elif kind == "comma":
            out.append(Token(STOP, "\n") if at == "\n" else Token(COMMA))
        elif kind == "closing":
            closed = min(len(at), opened)
            opened -= closed
            out.append(Token(MARK, ")", len(at) - closed) if len(at) > closed else Token(COMMA))
        elif kind == "opening":
            if len(at) > 1 or low[m.end():m.end() + 1] in BLANKS:
                out.append(Token(MARK, "(", len(at)))
            else:
                opened += 1
                out.append(Token(COMMA))
    return out
