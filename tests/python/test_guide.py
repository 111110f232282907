# SPDX-License-Identifier: Apache-2.0
"""docs/guides/python.md says what happens."""
from guide import follow


def test_the_page_says_what_happens():
    assert follow("python.md") >= 8
