# SPDX-License-Identifier: Apache-2.0
"""terminal: a program in a real pseudo terminal, and the screen that a person would see.

Understands what ncurses says to TERM=linux, and no more. Nothing here waits for a time: until() reads
until the screen is as it is wanted.
"""
import codecs
import contextlib
import fcntl
import os
import re
import secrets
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import farm

SEQUENCE = re.compile(r"\x1b(?:\[([?>]?)([\d;]*)([@-~])|[()][0-9AB]|([78=>DEMHc])|\]([^\x07]*)\x07)")
UNFINISHED = re.compile(r"\x1b(?:\[[?>]?[\d;]*|[()]|\][^\x07]*)?\Z")


def width_of(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """What stands where: rows of one-character texts, and which of them are shown in reverse."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.clear()
        self.text = ""  # what has come and is not whole yet
        self.seen = ""  # all that has come

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.reverse = [[False] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0
        self.saved = (0, 0)
        self.is_reverse = False
        self.top, self.bottom = 0, self.rows - 1

    def resize(self, rows, columns):
        """As terminals do it: what still fits stays."""
        old = self.cells
        row, column = self.row, self.column
        self.rows, self.columns = rows, columns
        self.clear()
        for y in range(min(rows, len(old))):
            self.cells[y][:min(columns, len(old[y]))] = old[y][:columns]
        self.row, self.column = min(row, rows - 1), min(column, columns - 1)

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def chosen(self):
        """The lines that stand in reverse."""
        return [line for line, marks in zip(self.lines(), self.reverse) if any(marks)]

    def feed(self, text):
        self.seen += text
        text = self.text + text
        self.text = ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self.put(text[at])
                at += 1
                continue
            found = SEQUENCE.match(text, at)
            if not found:
                assert UNFINISHED.match(text, at), f"a sequence nobody knows: {text[at:at + 12]!r}"
                self.text = text[at:]
                return
            if found[3]:
                self.control(found[1], [int(n or 0) for n in found[2].split(";")], found[3])
            elif found[4]:
                self.escape(found[4])
            at = found.end()

    def put(self, character):
        if character == "\n":
            self.index()
        elif character == "\r":
            self.column = 0
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character == "\t":
            self.column = min(self.columns - 1, (self.column // 8 + 1) * 8)
        elif ord(character) >= 0x20:
            self.print(character)

    def print(self, character):
        width = width_of(character)
        if self.column + width > self.columns:
            self.column = 0
            self.index()
        for i in range(width):
            self.cells[self.row][self.column + i] = character if i == 0 else ""
            self.reverse[self.row][self.column + i] = self.is_reverse
        self.column += width

    def index(self):
        if self.row == self.bottom:
            self.scroll(self.top, 1)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def scroll(self, top, count):
        for table, blank in ((self.cells, " "), (self.reverse, False)):
            part = table[top:self.bottom + 1]
            lines = [[blank] * self.columns for _ in range(min(abs(count), len(part)))]
            part = part[count:] + lines if count > 0 else lines + part[:count]
            table[top:self.bottom + 1] = part

    def erase(self, row, first, last):
        for x in range(max(0, first), min(last, self.columns)):
            self.cells[row][x], self.reverse[row][x] = " ", False

    def escape(self, letter):
        if letter == "7":
            self.saved = (self.row, self.column)
        elif letter == "8":
            self.row, self.column = self.saved
        elif letter == "M":
            if self.row == self.top:
                self.scroll(self.top, -1)
            else:
                self.row = max(0, self.row - 1)
        elif letter in "DE":
            self.index()
        elif letter == "c":
            self.clear()

    def control(self, mark, numbers, letter):
        n, one = numbers[0], max(1, numbers[0])
        if mark:
            return
        if letter in "Hf":
            self.row = min(one, self.rows) - 1
            self.column = min(max(1, numbers[1] if len(numbers) > 1 else 1), self.columns) - 1
        elif letter in "ABCD":
            self.row = min(max(0, self.row + {"A": -one, "B": one}.get(letter, 0)), self.rows - 1)
            self.column = min(max(0, self.column + {"C": one, "D": -one}.get(letter, 0)), self.columns - 1)
        elif letter == "G":
            self.column = min(one, self.columns) - 1
        elif letter == "d":
            self.row = min(one, self.rows) - 1
        elif letter == "m":
            for number in numbers:
                self.is_reverse = number == 7 or (self.is_reverse and number not in (0, 27))
        elif letter == "r":
            self.top, self.bottom = one - 1, (numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1
            self.row = self.column = 0
        else:
            self.change(n, one, letter)

    def change(self, n, one, letter):
        row = self.cells[self.row]
        if letter == "K":
            self.erase(self.row, 0 if n else self.column, self.column + 1 if n == 1 else self.columns)
        elif letter == "J":
            for y in range(self.rows):
                if n == 2 or (n == 0 and y > self.row) or (n == 1 and y < self.row):
                    self.erase(y, 0, self.columns)
            if n < 2:
                self.change(n, one, "K")
        elif letter == "X":
            self.erase(self.row, self.column, self.column + one)
        elif letter == "P":
            self.cells[self.row] = row[:self.column] + row[self.column + one:] + [" "] * one
        elif letter == "@":
            self.cells[self.row] = (row[:self.column] + [" "] * one + row[self.column:])[:self.columns]
        elif letter in "LM":
            self.scroll(self.row, -one if letter == "L" else one)
        elif letter in "ST":
            self.scroll(self.top, one if letter == "S" else -one)
        else:
            assert letter in "hlnctq", f"a control nobody knows: {letter}"


class Terminal:
    """`reeve` with these words as a person starts it. One of the farm's processes."""

    def __init__(self, here, *words, rows=24, columns=80, term="linux"):
        self.words = [str(farm.BUILD / "bin" / "reeve"), *map(str, words)]
        self.name = f"reeve {words[0]}"
        self.screen = Screen(rows, columns)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.master, self.slave = os.openpty()
        self.set_size(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.stderr_path = here.folder / f"terminal-{secrets.token_hex(4)}.stderr"
        env = dict(here.env, TERM=term, LC_ALL="C.UTF-8")
        with open(self.stderr_path, "wb") as stderr:
            self.child = subprocess.Popen(self.words, stdin=self.slave, stdout=self.slave, stderr=stderr, env=env,
                                          cwd=here.folder, start_new_session=True,
                                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.pid = self.child.pid
        here.processes.append(self)

    def set_size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        """The kernel tells the program."""
        self.screen.resize(rows, columns)
        self.set_size(rows, columns)

    def press(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds):
        """Takes what has come; False when nothing does."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.screen.feed(self.decoder.decode(os.read(self.master, 65536)))
        return True

    def until(self, wanted, what=None):
        """Until a text stands somewhere on the screen, or wanted(screen) gives something true; returns that."""
        is_it = wanted if callable(wanted) else lambda s: next((line for line in s.lines() if wanted in line), None)
        end = time.monotonic() + farm.DEADLINE_S
        while True:
            while self.read(0):
                pass
            found = is_it(self.screen)
            if found:
                return found
            left = end - time.monotonic()
            if left <= 0 or (not self.read(min(left, 1)) and self.child.poll() is not None):
                shown = "\n".join(self.screen.lines())
                raise AssertionError(f"{self.name}: not seen: {what or wanted}; status {self.child.poll()}; it shows\n{shown}")

    def until_gone(self, text):
        return self.until(lambda s: not any(text in line for line in s.lines()), f"{text} goes")

    def wait(self):
        """Its exit status; what it still says is read, so that it is not held up."""
        end = time.monotonic() + farm.DEADLINE_S
        while self.child.poll() is None:
            assert time.monotonic() < end, f"{self.name} does not end"
            self.read(0.05)
        while self.read(0):
            pass
        return self.child.returncode

    def kill(self, number=signal.SIGKILL):
        self.child.send_signal(number)

    def check_restored(self):
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is not as it was"

    def clean(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()
        os.close(self.master)
        os.close(self.slave)

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")
