"""Text that is looked for, in whatever case: the same on SQLite and on Postgres, for every alphabet.

SQLite knows the case of ASCII letters only, and Postgres what the locale of its server says. So a folded copy of what
is searched is kept beside it, and looked through for the folded words as they are: no character in them is special.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


def folded(text: str) -> str:
    """Return the text without its case, and accents in one of the two ways to write them."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


class position(GenericFunction[int]):  # noqa: N801 - SQL functions are in lower case
    """Where the second text stands in the first, counted from 1; 0 where it does not."""

    name = "instr"
    inherit_cache = True


@compiles(position, "postgresql")
def _on_postgres(element: position, compiler: SQLCompiler, **options: object) -> str:
    return f"strpos{compiler.process(element.clause_expr, **options)}"
