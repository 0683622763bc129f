"""The encoding of a text file that does not say what it is written in."""

from __future__ import annotations

import re

import chardet
import numpy as np

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
#: Encodings that tables are saved in; of all that exist, a few letters would fit rare ones too.
_USUAL = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874"),
    *("iso8859-2", "iso8859-5", "iso8859-7", "koi8-r", "koi8-u", "cp866", "mac-roman"),
    *("gb18030", "big5hkscs", "cp932", "euc-jp", "cp949"),
)
#: Signs of tables in Western text. Where nothing else is beyond ASCII, statistics of letters tell
#: nothing, and Windows-1252 is likeliest.
_SIGNS = frozenset("€£°±²³µ×§½–—‘’“”…•·™®")
#: What encloses a cell, whatever the separator is.
_EDGE = re.compile(rb'[;,\t|"\r\n]')
#: Bytes of a cell on either side of a foreign byte, and foreign bytes, that are looked at.
_REACH = 60
_FOREIGN = 20_000
#: First bytes among which those of UTF-16 are looked for.
_SAMPLE = 2000


def decode_text(content: bytes) -> tuple[str, list[str]]:
    """Return the text of a file, and a note where its encoding was guessed.

    Bytes that are no text are decoded to control characters, not refused.
    """
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), _unmarked(content))
    try:
        return content.decode(encoding), []
    except UnicodeDecodeError:
        cells = _foreign_cells(content)
    if not cells:  # UTF-16 that is cut off
        return content.decode("latin-1"), []
    # Latin-1 has a letter for every byte.
    for guess in (_guess(b"\n".join(cells)), "cp1252", "latin-1"):
        try:
            text = content.decode(guess)
            break
        except UnicodeDecodeError:
            continue
    shown = cells[0].decode(guess, "replace").strip()
    return text, [
        f"the file is not UTF-8; its encoding was guessed to be {_called(guess)}, by which a cell "
        f"reads '{shown}'; save it as UTF-8 to be sure"
    ]


def _unmarked(content: bytes) -> str:
    """Return UTF-16's name where every other byte of ASCII is 0, else UTF-8's."""
    zeros = np.frombuffer(content[:_SAMPLE], np.uint8) == 0
    first, second = zeros[::2].sum(), zeros[1::2].sum()
    if max(first, second) * 4 < len(zeros) or min(first, second):
        return "utf-8"
    return "utf-16-be" if first else "utf-16-le"


def _guess(cells: bytes) -> str:
    if _holds_signs_only(cells):
        return "cp1252"
    # Of the whole file mostly ASCII would be judged, which is alike in all of them.
    found = chardet.detect(cells, include_encodings=_USUAL, compat_names=False)["encoding"]
    if found is None or cells.decode(found, "replace") == cells.decode("cp1252", "replace"):
        return "cp1252"
    return found


def _holds_signs_only(cells: bytes) -> bool:
    try:
        beyond = set(cells.decode("cp1252")) - _SIGNS
    except UnicodeDecodeError:
        return False
    return all(map(str.isascii, beyond))


def _foreign_cells(content: bytes) -> list[bytes]:
    """Return the first different cells that hold bytes beyond ASCII."""
    cells: dict[bytes, None] = {}
    end = 0
    for place in np.flatnonzero(np.frombuffer(content, np.uint8) > 127)[:_FOREIGN].tolist():
        if place >= end:
            before = _EDGE.split(content[max(place - _REACH, end) : place])[-1]
            after = _EDGE.split(content[place : place + _REACH], maxsplit=1)[0]
            cells[before + after] = None
            end = place + len(after)
    return list(cells)


def _called(encoding: str) -> str:
    return encoding.replace("cp125", "Windows-125").replace("latin-1", "Latin-1")
