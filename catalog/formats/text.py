"""Text bulletins arrive as UTF-8, CP1251, KZ-1048, KOI8-R or (accents only) Latin-1: find out.

Method. A byte order mark decides. Otherwise, if every line that has bytes above 127 is valid
UTF-8, the file is UTF-8: Cyrillic in an 8-bit code practically never is. Otherwise the runs of
high bytes are read as CP1251, as KZ-1048 (CP1251 with the letters of Kazakh in the places of
Serbian, Ukrainian and Macedonian ones) and as KOI8-R, and scored by the frequency of Russian and
Kazakh letters and by their case pattern (a capital inside a small-letter word is unlikely); the
best sum wins, CP1251 where it equals KZ-1048. Single high bytes inside Latin words are accents and
mean Latin-1. The choice is made for the whole file; a line that contradicts it is decoded its own
way and reported as ``mixed-encoding``.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.values import cut

CHUNK = 256 * 1024
UTF_8, CP1251, KOI8_R, LATIN_1 = "UTF-8", "CP1251", "KOI8-R", "ISO-8859-1"
KZ_1048 = "KZ-1048"  # STRK1048-2002, the 8-bit code of Kazakhstan
BOM = b"\xef\xbb\xbf"
FOREIGN_BOMS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16, and UTF-32 little endian

# Per mille of the letters in Russian prose, after the Russian National Corpus (Lyashevskaya &
# Sharov 2009), as weights; letters outside the alphabet count as very rare.
_PER_MILLE = {
    letter: weight
    for letters, weight in (
        ("о", 110), ("е", 85), ("а", 80), ("и", 74), ("н", 67), ("т", 63), ("с", 55), ("р", 47),
        ("в", 45), ("л", 44), ("к", 35), ("м", 32), ("д", 30), ("п", 28), ("у", 26), ("я", 20),
        ("ыь", 18), ("гзб", 16), ("ч", 14), ("й", 12), ("х", 10), ("ж", 9), ("ш", 7), ("ю", 6),
        ("ц", 5), ("щ", 4), ("эф", 3), ("ъё", 1),
    )
    for letter in letters
}  # fmt: skip
# The letters of Kazakh alone, all with the weight of a common one: only KZ-1048 has them.
_PER_MILLE.update(dict.fromkeys("әғқңөұүһі", 35))
#: A word is begun at its first letter only: a line of letters would else be tried from each.
_HIGH_RUN = re.compile(rb"(?:(?<![A-Za-z])[A-Za-z]+)?[\x80-\xff]+[A-Za-z]*")
_SAMPLE_RUNS = 20_000


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the bytes of a file are: a name to show, and whether all of it agrees."""

    name: str
    uniform: bool
    other: str = CP1251  # for the lines that are not ``name``
    bytes_read: int = 0
    blank: bool = False


def _weight(word: str) -> float:
    """Return how Russian a word looks: mean-free sum over its letters, larger is likelier."""
    score = 0.0
    for letter in word.lower():
        if letter.isascii():
            continue
        score += _PER_MILLE.get(letter, -60 if letter.isalpha() else -120) - 25
    if not (word.islower() or word.isupper() or word.istitle()):
        score -= 60.0 * len(word)
    return score


def _eight_bit(runs: list[bytes]) -> str:
    """Return the 8-bit code in which runs of high bytes read best."""
    accents = sum(1 for run in runs if re.fullmatch(rb"[A-Za-z]*[\xc0-\xff]{1,2}[A-Za-z]+", run))
    if runs and accents > len(runs) / 2:
        return LATIN_1
    scores = {
        name: sum(_weight(run.decode(name, "replace")) for run in runs)
        for name in (CP1251, KZ_1048, KOI8_R)
    }
    return max(scores, key=lambda name: scores[name])


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def seekable(stream: BinaryIO | IO[bytes]) -> IO[bytes]:
    """Return ``stream``, or a copy of it that can be read twice."""
    if stream.seekable():
        return stream
    copy: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024)  # noqa: SIM115
    while chunk := stream.read(CHUNK):
        copy.write(chunk)
    copy.seek(0)
    return copy


def _byte_lines(stream: IO[bytes], longest: int) -> Iterator[tuple[list[bytes], set[int]]]:
    """Yield batches of lines without their ends (LF, CRLF or CR), and which ones were cut."""
    carry = b""
    while chunk := stream.read(CHUNK):
        data = carry + chunk
        # A CR at the very end may be half of CRLF; a half line waits for its end.
        lines = data.splitlines(keepends=True)
        carry = lines.pop() if not data.endswith(b"\n") else b""
        if len(carry) > longest + 2 and not carry.endswith(b"\r"):
            carry = carry[: longest + 1]  # one more than allowed, so that it will be seen as cut
        batch: list[bytes] = []
        cuts: set[int] = set()
        for line in lines:
            text = line.rstrip(b"\r\n")
            if len(text) > longest:
                cuts.add(len(batch))
                text = text[:longest]
            batch.append(text)
        if batch:
            yield batch, cuts
    if carry:
        text = carry.rstrip(b"\r\n")
        yield [text[:longest]], ({0} if len(text) > longest else set())


def detect_encoding(stream: IO[bytes], limits: Limits | None = None) -> Encoding:
    """Read the whole stream once and say how its text is encoded; the stream is rewound.

    Raises
    ------
    FormatError
        ``file-too-large`` beyond ``limits.max_bytes``; ``encoding`` for UTF-16 and UTF-32.
    """
    limits = limits or Limits()
    stream.seek(0)
    head = stream.read(4)
    stream.seek(0)
    if head.startswith(FOREIGN_BOMS) or head.startswith(b"\x00\x00\xfe\xff"):
        raise FormatError(
            Problem(1, "encoding", "", "UTF-16", "UTF-8, CP1251, KZ-1048, KOI8-R", Severity.ERROR)
        )
    size, blank = 0, True
    utf8_lines = other_lines = 0
    runs: list[bytes] = []
    carry = b""
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > limits.max_bytes:
            stream.seek(0)
            raise FormatError(
                Problem(
                    None, "file-too-large", "", "", f"<= {limits.max_bytes} bytes", Severity.ERROR
                )
            )
        if blank and chunk.strip(b" \t\r\n\x1a\x00" + BOM):
            blank = False
        if chunk.isascii() and carry.isascii():
            carry = b""
            continue
        data = carry + chunk
        # Stop at a line end so that no UTF-8 character is split; a huge line is taken as it is.
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if end == 0 and len(data) < 4 * CHUNK:
            carry = data
            continue
        carry, data = (data[end:], data[:end]) if end else (b"", data)
        u, o = _count_lines(data, runs)
        utf8_lines, other_lines = utf8_lines + u, other_lines + o
    u, o = _count_lines(carry, runs)
    utf8_lines, other_lines = utf8_lines + u, other_lines + o
    stream.seek(0)
    if other_lines == 0:
        return Encoding(UTF_8, True, bytes_read=size, blank=blank)
    other = _eight_bit(runs)
    if head.startswith(BOM) or utf8_lines > other_lines:
        return Encoding(UTF_8, False, other, size, blank)
    return Encoding(other, False, UTF_8, size, blank)


def _count_lines(data: bytes, runs: list[bytes]) -> tuple[int, int]:
    """Count lines with high bytes that are UTF-8 and that are not; sample the latter's words."""
    if data.isascii() or _is_utf8(data):
        return sum(1 for line in data.splitlines() if not line.isascii()), 0
    good = bad = 0
    for line in data.splitlines():
        if line.isascii():
            continue
        if _is_utf8(line):
            good += 1
        else:
            bad += 1
            if len(runs) < _SAMPLE_RUNS:
                runs.extend(_HIGH_RUN.findall(line))
    return good, bad


def read_lines(
    stream: BinaryIO | IO[bytes],
    limits: Limits,
    problems: list[Problem],
    encoding: Encoding | None = None,
) -> Iterator[tuple[int, str]]:
    """Yield (line number, text without line end); what is odd goes to ``problems``.

    Lines end with LF, CRLF or CR. A line longer than ``limits.max_line_length`` is cut with a
    problem; NUL bytes are replaced with a problem, since no database text can hold them.
    """
    source = seekable(stream)
    encoding = encoding or detect_encoding(source, limits)
    if source.read(3) != BOM:
        source.seek(0)
    number = 0
    for batch, cuts in _byte_lines(source, limits.max_line_length):
        joined = b"\n".join(batch)
        plain = joined.isascii() or (encoding.uniform and _is_utf8(joined))
        if plain and not cuts and b"\x00" not in joined:
            for text in joined.decode("utf-8").split("\n"):
                number += 1
                yield number, text
            continue
        for index, line in enumerate(batch):
            number += 1
            if index in cuts:
                problems.append(
                    Problem(
                        number, "line-too-long", "", "", f"<= {limits.max_line_length} characters"
                    )
                )
            text = _decode(line, encoding, number, problems, index in cuts)
            if "\x00" in text:
                problems.append(Problem(number, "encoding", "", cut(text), "text without NUL"))
                text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
            yield number, text


def _decode(
    line: bytes, encoding: Encoding, number: int, problems: list[Problem], was_cut: bool
) -> str:
    """Return the text of one line, by its own evidence where it contradicts the file's."""
    if line.isascii():
        return line.decode("ascii")
    name = encoding.name
    is_utf8 = _is_utf8(line) or (was_cut and encoding.uniform)
    if is_utf8 and name != UTF_8 and any(len(run) >= 4 for run in _HIGH_RUN.findall(line)):
        name = UTF_8
    elif not is_utf8 and name == UTF_8:
        name = encoding.other
    elif name in (CP1251, KZ_1048, KOI8_R):
        runs = _HIGH_RUN.findall(line)
        rival = CP1251 if name == KOI8_R else KOI8_R
        own = sum(_weight(run.decode(name, "replace")) for run in runs)
        # Only a clear case (several letters that read as Russian the other way) is called mixed.
        if own < -200 < 100 < sum(_weight(run.decode(rival, "replace")) for run in runs):
            name = rival
    text = line.decode(name, "replace")
    if name != encoding.name:
        problems.append(Problem(number, "mixed-encoding", name, cut(text), encoding.name))
    elif "\N{REPLACEMENT CHARACTER}" in text and not was_cut:
        problems.append(Problem(number, "encoding", "", cut(text), encoding.name))
    return text
