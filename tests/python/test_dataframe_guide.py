# SPDX-License-Identifier: Apache-2.0
"""docs/guides/dataframe.md says what happens."""
from guide import follow


def test_the_page_says_what_happens():
    assert follow("dataframe.md", "/srv/data") >= 2
