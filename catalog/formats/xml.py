"""What the XML readers share: hostile documents refused, parts read one by one, values walked.

A DOCTYPE never reaches the parser, no entity is expanded and no connection opened. ``Document``
gives the elements a reader asks for ("parts": the events of QuakeML, the picks and origins of
SCML) as soon as each is complete, with the bytes and lines it came from, and frees it afterwards.
``Walker`` turns the children of an element into values and names every child, attribute and value
that our records have no place for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Any, BinaryIO, ClassVar

from lxml import etree

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    AxisRecord,
    DescriptionRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    MomentTensorRecord,
    NodalPlaneRecord,
    OriginRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from catalog.formats.text import CHUNK, seekable
from catalog.formats.values import (
    ANY,
    AZIMUTH,
    DISTANCE_DEG,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    PERCENT,
    POSITIVE,
    Range,
    count,
    cut,
    iso_time,
    number,
    plausible,
)

_ENCODINGS = frozenset(
    ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1251", "cp1251", "koi8-r")
)
_DECLARATION = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"'][^>]*\?>")
_ROOT_START = re.compile(rb"<[A-Za-z_:]")
_ROOT_TAG = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)[^>]*")
_LINES_COUNTED = 65535  # libxml2 counts lines in 16 bits


# --- before the parser ------------------------------------------------------------------------


def _after_prolog(head: bytes) -> int:
    """Return where the first thing stands that is no comment, instruction or white space.

    -1 if the prolog does not end in ``head``.
    """
    position = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    while True:
        position += len(head[position:]) - len(head[position:].lstrip())
        if head.startswith(b"<!--", position):
            end, skip = head.find(b"-->", position), 3
        elif head.startswith(b"<?", position):
            end, skip = head.find(b"?>", position), 2
        else:
            return position
        if end < 0:
            return -1
        position = end + skip


def root_start(head: bytes, roots: bytes) -> tuple[bytes, bytes]:
    """Return local name and whole start tag of the root element; empty if there is none.

    Behind a DOCTYPE (which the readers refuse, saying so) the root is the first element with one
    of the names ``roots``, an alternation of a regular expression.
    """
    position = _after_prolog(head)
    if position < 0:
        return b"", b""
    if head[position : position + 9].upper() == b"<!DOCTYPE":
        match = re.compile(rb"<(?:[\w.-]+:)?(" + roots + rb")(?:[\s/][^>]*)?>").search(head)
    else:
        match = _ROOT_TAG.match(head, position)
    return (match[1], match[0]) if match else (b"", b"")


def check_prolog(head: bytes, expected: str) -> str:
    """Return the encoding of a document; refuse what must not reach the parser."""
    if not head.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise FormatError(Problem(1, "empty-file", "", "", expected, Severity.ERROR))
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:4]:
        raise FormatError(Problem(1, "encoding", "", "UTF-16", "UTF-8", Severity.ERROR))
    declaration = _DECLARATION.search(head[:200])
    encoding = declaration.group(1).decode("ascii").lower() if declaration else "utf-8"
    if encoding not in _ENCODINGS:
        raise FormatError(Problem(1, "encoding", "", encoding, "UTF-8", Severity.ERROR))
    position = _after_prolog(head)
    if position < 0:
        raise FormatError(Problem(1, "xml-syntax", "", "", "root element", Severity.ERROR))
    line = head.count(b"\n", 0, position) + 1
    if head.startswith(b"<!", position):
        found = cut(head[position : position + 200].decode("latin-1"))
        raise FormatError(Problem(line, "xml-doctype", "", found, "", Severity.ERROR))
    if not _ROOT_START.match(head, position):
        found = cut(head[position : position + 80].decode("latin-1"))
        raise FormatError(Problem(line, "wrong-format", "", found, expected, Severity.ERROR))
    return encoding


# --- a document in parts ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One complete element. ``raw`` are its bytes, ``start`` their place in the file.

    ``indent`` blanks stand before it on its line, and nothing else (0 if something does).
    ``shift`` is added to the line numbers of ``element`` and its descendants.
    """

    element: Any
    raw: bytes
    start: int
    indent: int
    first_line: int
    last_line: int
    shift: int


class Document:
    """A document read part by part.

    Parts are the elements with one of the names ``words`` (in any namespace) that stand in no
    other part. ``wrong_root`` says what is wrong with a root element of that qualified name;
    such a document has no parts. After ``parts`` has ended, ``failure`` is why it ended early, if
    it did, and ``leftovers`` maps the paths of the elements around the parts that nobody read to
    line, number and text.
    """

    def __init__(
        self,
        stream: BinaryIO,
        limits: Limits,
        words: tuple[str, ...],
        holder: str,
        expected: str,
        wrong_root: Callable[[str], Problem | None],
    ) -> None:
        """Look at the first bytes.

        Raises
        ------
        FormatError
            The file is empty, too large, not XML, or has a DOCTYPE.
        """
        self.source: IO[bytes] = seekable(stream)
        size = self.source.seek(0, 2)
        self.source.seek(0)
        if size > limits.max_bytes:
            bound = f"<= {limits.max_bytes} bytes"
            raise FormatError(Problem(None, "file-too-large", "", str(size), bound, Severity.ERROR))
        self.size = size
        self.encoding = check_prolog(self.source.read(CHUNK), expected)
        self.source.seek(0)
        self.failure: Problem | None = None
        self.leftovers: dict[str, tuple[int | None, int, str]] = {}
        self.last_line = 1
        self._limits = limits
        self._words = words
        self._tags = tuple("{*}" + word for word in words)
        self._holder = holder
        self._wrong_root = wrong_root
        names = "|".join(words).encode()
        name = rb"(?:[A-Za-z_][\w.-]*:)?(?:" + names + rb")"
        self._start = re.compile(rb"<%b[\s>/]" % name)
        self._end = re.compile(rb"<(?:/%b\s*|%b(?:\s[^<>]*)?/)>" % (name, name))

    def parts(self, max_elements: int, per_part: bool = True) -> Iterator[Part]:
        """Yield the parts; at most ``max_elements`` elements in one, or in all of them."""
        parser = etree.XMLPullParser(
            events=("end",),
            tag=(*self._tags, "{*}" + self._holder),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        line, offset = 1, 0  # of the first byte of ``pieces``
        pieces: list[bytes] = []  # since the last part
        elements = 0
        root: Any = None
        wrong: Problem | None = None
        last: Part | None = None
        try:
            for piece in self._pieces():
                parser.feed(piece)
                pieces.append(piece)
                elements += piece.count(b"<")
                if elements > 2 * max_elements:
                    bound = f"<= {max_elements} elements"
                    self._fail(Problem(line, "memory-limit", "", "", bound, Severity.ERROR))
                    return
                for _, element in parser.read_events():
                    if root is None:
                        root = element.getroottree().getroot()
                        if root.getroottree().docinfo.internalDTD is not None:
                            problem = Problem(1, "xml-doctype", "", "DOCTYPE", "", Severity.ERROR)
                            raise FormatError(problem)
                        wrong = self._wrong_root(root.tag)
                    if wrong is not None:
                        element.clear()
                        continue
                    if local(element.tag) == self._holder:
                        self._leave(element)
                        continue
                    if next(element.iterancestors(*self._tags), None) is not None:
                        continue
                    raw = b"".join(pieces)
                    match = self._start.search(raw)
                    if match is None:  # two parts in one piece, as ``<pick a=">"/>`` may be
                        if last is not None:
                            yield replace(last, element=element, shift=0)
                        self._forget(element)
                        continue
                    first = match.start()
                    first_line = line + raw.count(b"\n", 0, first)
                    line += raw.count(b"\n")
                    self.last_line = line
                    pieces = []
                    if per_part:
                        elements = 0
                    node, shift = element, 0
                    if line >= _LINES_COUNTED:  # count again from the part
                        node, shift = again(element, raw[first:], self.encoding), first_line - 1
                    before = raw[:first].rstrip(b" \t")
                    indent = first - len(before) if before.endswith(b"\n") else 0
                    start = offset + first
                    last = Part(node, raw[first:], start, indent, first_line, line, shift)
                    yield last
                    offset += len(raw)
                    self._forget(element)
            root = parser.close()
            self.last_line = line + b"".join(pieces).count(b"\n")
            self._leave(root)
            wrong = self._wrong_root(root.tag)
        except etree.XMLSyntaxError as error:
            message = str(error.msg)
            code = "xml-syntax"
            if "depth" in message.lower():
                code = "xml-too-deep"
            elif self.source.read(1) == b"" and "Premature end" in message:
                code = "truncated"
            self._fail(Problem(error.lineno, code, "", cut(message), "XML", Severity.ERROR))
        if wrong is not None:
            self._fail(wrong)

    def _fail(self, problem: Problem) -> None:
        """Keep the first reason why nothing more can be read."""
        if self.failure is None:
            self.failure = problem

    def _pieces(self) -> Iterator[bytes]:
        """Yield the stream cut after each end tag of a part, so that its own bytes are known."""
        carry = b""
        while chunk := self.source.read(CHUNK):
            data = carry + chunk
            position = 0
            for match in self._end.finditer(data):
                yield data[position : match.end()]
                position = match.end()
            # The tail may hold the beginning of an end tag.
            tail = data.rfind(b"<", max(position, len(data) - 256))
            keep = tail if tail >= 0 else len(data)
            if keep > position:
                yield data[position:keep]
            carry = data[keep:]
        if carry:
            yield carry

    def _forget(self, element: Any) -> None:
        """Free a part that has been read and the emptied one before it."""
        element.clear()
        previous = element.getprevious()
        if previous is not None and local(previous.tag) in self._words:
            element.getparent().remove(previous)

    def _leave(self, element: Any) -> None:
        """Note the children that are neither parts nor hold any."""
        for child in element:
            name = local(child.tag)
            if name not in self._words and name != self._holder:
                path = f"{local(element.tag)}/{name}"
                line, times, found = self.leftovers.get(path, (self._line(child), 0, shown(child)))
                self.leftovers[path] = (line, times + 1, found)

    @staticmethod
    def _line(element: Any) -> int | None:
        line = int(element.sourceline or 0)
        return line if line < _LINES_COUNTED else None


def again(element: Any, raw: bytes, encoding: str) -> Any:
    """Parse one element's own bytes a second time, so that its lines count from 1."""
    names = "".join(
        f' xmlns{":" + prefix if prefix else ""}="{uri}"' for prefix, uri in element.nsmap.items()
    )
    wrapped = f'<?xml version="1.0" encoding="{encoding}"?><w{names}>'.encode() + raw + b"</w>"
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(wrapped, parser)[0]


def local(tag: str) -> str:
    """Return a tag's name without its namespace."""
    # lxml's own QName refuses what its parser lets through, such as an undeclared prefix.
    return tag.rsplit("}", 1)[-1]


def namespace(tag: str) -> str:
    """Return a tag's namespace, empty if it has none."""
    return tag[1:].split("}", 1)[0] if tag.startswith("{") else ""


def shown(element: Any) -> str:
    """Return the text of an element that has no home, for its problem."""
    texts: list[str] = []
    length = 0
    for text in element.itertext():
        texts.append(text)
        length += len(text)
        if length > 100_000:
            break
    return cut(" ".join("".join(texts).split()))


# --- values -----------------------------------------------------------------------------------

Fields = dict[str, Any]
NOTHING: dict[str, str] = {}

# Vocabularies that QuakeML and SCML share.
MODES = frozenset(("manual", "automatic"))
STATUSES = frozenset(("preliminary", "confirmed", "reviewed", "final", "rejected"))
ONSETS = frozenset(("emergent", "impulsive", "questionable"))
POLARITIES = frozenset(("positive", "negative", "undecidable"))
ORIGIN_TYPES = frozenset(
    ("hypocenter", "centroid", "amplitude", "macroseismic", "rupture start", "rupture end")
)
DESCRIPTION_TYPES = frozenset(
    (
        "felt report",
        "Flinn-Engdahl region",
        "local time",
        "tectonic summary",
        "nearest cities",
        "earthquake name",
        "region name",
    )
)


def deeper_than(element: Any, levels: int) -> bool:
    """Tell whether elements nest deeper than allowed below this one."""
    row = [element]
    while row and levels >= 0:
        row = [child for parent in row for child in parent]
        levels -= 1
    return bool(row)


#: The children of parents that are alike in both schemas.
_COMMON = {
    "spread": "horizontalUncertainty minHorizontalUncertainty maxHorizontalUncertainty"
    " azimuthMaxHorizontalUncertainty preferredDescription confidenceLevel",
    "quality": "associatedPhaseCount usedPhaseCount associatedStationCount usedStationCount"
    " depthPhaseCount standardError azimuthalGap secondaryAzimuthalGap groundTruthLevel"
    " maximumDistance minimumDistance medianDistance",
    "pick": "comment time waveformID filterID methodID horizontalSlowness backazimuth onset"
    " phaseHint polarity evaluationMode evaluationStatus creationInfo",
    "contribution": "stationMagnitudeID residual weight",
    "mechanism": "comment momentTensor triggeringOriginID nodalPlanes principalAxes azimuthalGap"
    " stationPolarityCount misfit methodID evaluationMode evaluationStatus creationInfo",
    "tensor": "derivedOriginID momentMagnitudeID scalarMoment tensor varianceReduction"
    " doubleCouple clvd",
    "components": "Mrr Mtt Mpp Mrt Mrp Mtp",
    "planes": "nodalPlane1 nodalPlane2",
    "plane": "strike dip rake",
    "axes": "tAxis pAxis nAxis",
    "axis": "azimuth plunge length",
    "value": "value uncertainty",
    "description": "text type",
    "creation": "agencyID author creationTime",
    "agency and author": "agencyID author",
    "agency only": "agencyID",
}
_ATTRIBUTES = frozenset(
    (
        *("publicID", "id", "preferredPlane"),
        *("networkCode", "stationCode", "channelCode", "locationCode"),
    )
)


class Vocabulary:
    """The names of one version of a schema: the elements a parent may have.

    Parameters
    ----------
    standard : str
        Its name, as a problem says it.
    names : str
        Its namespace.
    parents : mapping of str
        The children of each kind of parent, for the kinds in which schemas differ.
        ``element=field`` is an element that is read under another name.
    many : iterable of str
        Children that may stand several times; all others at most once.
    """

    def __init__(
        self,
        standard: str,
        names: str,
        parents: Mapping[str, str],
        many: Iterable[str],
    ) -> None:
        self.standard = standard
        self.parents = {
            kind: {
                f"{{{names}}}{word.partition('=')[0]}": word.rpartition("=")[2]
                for word in words.split()
            }
            for kind, words in {**_COMMON, **parents}.items()
        }
        self.many = frozenset(many)
        self.value_tag = f"{{{names}}}value"


@dataclass(slots=True)
class Walker:
    """Turns elements into values and collects what it could not use."""

    limits: Limits
    vocabulary: Vocabulary
    shift: int = 0  # added to the parser's line numbers
    problems: list[Problem] = field(default_factory=list)
    unknown: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def line(self, element: Any) -> int:
        return int(element.sourceline or 0) + self.shift

    def problem(self, element: Any, code: str, name: str, found: str, expected: str) -> None:
        self.problems.append(Problem(self.line(element), code, name, cut(found), expected))

    def finished(self) -> Iterator[Problem]:
        """Yield the problems, those without a home last."""
        yield from self.problems
        yield from unknown_elements(self.unknown)

    def homeless(self, path: str, element: Any, found: str) -> None:
        line, times, first = self.unknown.get(path, (self.line(element), 0, found))
        self.unknown[path] = (line, times + 1, first)

    def children(self, element: Any, path: str, known: dict[str, str]) -> Fields:
        """Return the children by name; what is not known or stands twice is homeless."""
        fields: Fields = {}
        many = self.vocabulary.many
        for child in element:
            name = known.get(child.tag)
            if name is None or (name in fields and name not in many):
                own = local(child.tag)
                if deeper_than(child, self.limits.max_depth):
                    expected = f"<= {self.limits.max_depth} levels"
                    self.problem(child, "xml-too-deep", f"{path}/{own}", "", expected)
                else:
                    self.homeless(f"{path}/{own}", child, shown(child))
            elif name in many:
                fields.setdefault(name, []).append(child)
            else:
                fields[name] = child
        for key in element.keys():  # noqa: SIM118  an element is not a dict
            if key not in _ATTRIBUTES:
                self.homeless(f"{path}/@{local(key)}", element, cut(element.get(key)))
        return fields

    def fields(self, element: Any, path: str, kind: str) -> Fields:
        """Return the children of an element of a kind the vocabulary names."""
        return self.children(element, path, self.vocabulary.parents[kind])

    def text(self, fields: Fields, name: str) -> str | None:
        element = fields.get(name)
        if element is None:
            return None
        text = str(element.text or "").strip()
        if len(element):
            self.children(element, name, NOTHING)
        if len(text) > self.limits.max_text_length:
            expected = f"<= {self.limits.max_text_length} characters"
            self.problem(element, "line-too-long", name, text, expected)
            text = text[: self.limits.max_text_length]
        return text or None

    def word(self, fields: Fields, name: str, words: frozenset[str]) -> str | None:
        text = self.text(fields, name)
        if text is None or text in words:
            return text
        plain = text.replace("_", " ").lower()
        if plain in words:  # quarry_blast, as some agencies write
            return plain
        self.problem(fields[name], "unknown-value", name, text, self.vocabulary.standard)
        return None

    def real(self, fields: Fields, name: str, bounds: Range = ANY) -> float | None:
        element = fields.get(name)
        if element is None:
            return None
        return number(self.problems, self.line(element), name, element.text or "", bounds)

    def whole(self, fields: Fields, name: str) -> int | None:
        element = fields.get(name)
        if element is None:
            return None
        return count(self.problems, self.line(element), name, element.text or "")

    def boolean(self, fields: Fields, name: str) -> bool | None:
        text = self.text(fields, name)
        if text is None or text in ("true", "1"):
            return None if text is None else True
        if text not in ("false", "0"):
            self.problem(fields[name], "unknown-value", name, text, "true, false")
            return None
        return False

    def quantity(
        self, fields: Fields, name: str, path: str, bounds: Range = ANY
    ) -> tuple[float | None, float | None]:
        """Return value and uncertainty of a RealQuantity."""
        element = fields.get(name)
        if element is None:
            return None, None
        if len(element) == 1 and element[0].tag == self.vocabulary.value_tag:  # nearly always
            text = element[0].text or ""
            return number(self.problems, self.line(element[0]), name, text, bounds), None
        inner = self.fields(element, f"{path}/{name}", "value")
        if "value" not in inner:
            self.problem(element, "missing-field", f"{path}/{name}", shown(element), "value")
        return self.real(inner, "value", bounds), self.real(inner, "uncertainty", POSITIVE)

    def value(self, fields: Fields, name: str, path: str, bounds: Range = ANY) -> float | None:
        """Return the value of a RealQuantity whose uncertainty has no home."""
        value, uncertainty = self.quantity(fields, name, path, bounds)
        if uncertainty is not None:
            self.homeless(f"{path}/{name}/uncertainty", fields[name], str(uncertainty))
        return value

    def moment(self, fields: Fields, name: str, path: str) -> tuple[datetime | None, float | None]:
        """Return value and uncertainty [s] of a TimeQuantity."""
        element = fields.get(name)
        if element is None:
            return None, None
        inner = self.fields(element, f"{path}/{name}", "value")
        return self.time(inner, "value"), self.real(inner, "uncertainty", POSITIVE)

    def instant(self, fields: Fields, name: str, path: str) -> datetime | None:
        """Return the value of a TimeQuantity whose uncertainty has no home."""
        time, uncertainty = self.moment(fields, name, path)
        if uncertainty is not None:
            self.homeless(f"{path}/{name}/uncertainty", fields[name], str(uncertainty))
        return time

    def time(self, fields: Fields, name: str) -> datetime | None:
        element = fields.get(name)
        if element is None:
            return None
        return iso_time(self.problems, self.line(element), name, element.text or "")

    def creation(
        self, fields: Fields, path: str, kind: str = "creation"
    ) -> tuple[str | None, str | None, datetime | None]:
        """Return agency, author and time of a creationInfo."""
        element = fields.get("creationInfo")
        if element is None:
            return None, None, None
        inner = self.fields(element, f"{path}/creationInfo", kind)
        return (
            self.text(inner, "agencyID"),
            self.text(inner, "author"),
            self.time(inner, "creationTime"),
        )

    def agency(self, fields: Fields, path: str) -> str | None:
        return self.creation(fields, path, "agency only")[0]

    def station(self, fields: Fields, path: str) -> StationReference | None:
        element = fields.get("waveformID")
        if element is None:
            return None
        path = f"{path}/waveformID"
        inner = self.fields(element, path, "waveform")
        for name, found in (
            ("text()", (element.text or "").strip()),
            ("resourceURI", self.text(inner, "resourceURI")),
        ):
            if found:
                self.homeless(f"{path}/{name}", element, found)
        code = element.get("stationCode", "").strip()
        if not code:
            self.problem(element, "missing-field", path, "", "stationCode")
            return None
        return StationReference(
            code,
            element.get("networkCode", "").strip() or None,
            element.get("locationCode", "").strip() or None,
            element.get("channelCode", "").strip() or None,
        )

    def public_id(self, element: Any, path: str, ordinal: int | str) -> str:
        public_id = element.get("publicID", "").strip()
        if not public_id:
            self.problem(element, "missing-field", f"{path}/@publicID", "", "resource identifier")
        return public_id or f"{path}-{ordinal}"

    def comments(self, fields: Fields, path: str) -> tuple[str, ...]:
        """Return the comments; one with a name (SCML) begins with it."""
        texts = []
        for element in fields.get("comment", ()):
            inner = self.fields(element, f"{path}/comment", "comment")
            text, name = self.text(inner, "text"), self.text(inner, "id")
            if text is not None:
                texts.append(text if name is None else f"{name}: {text}")
            elif name is not None:
                self.homeless(f"{path}/comment/id", element, name)
        return tuple(texts)


# --- what QuakeML and SCML say alike ----------------------------------------------------------

#: What neither has an element for goes into a comment of this form and comes back from it.
BOUND_COMMENT = "bound: "
QUALITY_COMMENT = "quality: "

DEPTH_TYPES = frozenset(
    (
        "from location",
        "from moment tensor inversion",
        "from modeling of broad-band P waveforms",
        "constrained by depth phases",
        "constrained by direct phases",
        "constrained by depth and direct phases",  # QuakeML only
        "operator assigned",
        "other",
    )
)
CATEGORIES = frozenset(("point", "mean", "duration", "period", "integral", "other"))
SPREADS = frozenset(("horizontal uncertainty", "uncertainty ellipse", "confidence ellipsoid"))


def own_comment(comments: tuple[str, ...], prefix: str) -> tuple[tuple[str, ...], str | None]:
    """Take back what our writer had to put into a comment."""
    for text in comments:
        value = text.removeprefix(prefix)
        if value != text and (prefix != BOUND_COMMENT or value in ("min", "max")):
            return tuple(other for other in comments if other is not text), value
    return comments, None


def unknown_elements(unknown: Mapping[str, tuple[int | None, int, str]]) -> Iterator[Problem]:
    """Yield a problem for each path that has no home, with how often it stood there."""
    for path, (line, times, found) in unknown.items():
        yield Problem(line, "xml-unknown-element", path, f"{times} x {found}"[:200], "")


class EventWalker(Walker):
    """Reads the elements that have the same children in both schemas.

    A subclass says what differs: names of some elements, units of lengths, how an arrival is
    read, and what becomes of references.
    """

    __slots__ = ()
    spread: ClassVar[str]  # the element with an origin's uncertainty
    spreads: ClassVar[frozenset[str]] = SPREADS
    depth_range: ClassVar[Range]  # in the schema's unit
    amplitude_value: ClassVar[str]  # the element with an amplitude's value
    magnitude_value: ClassVar[str]  # and with a magnitude's
    units: ClassVar[frozenset[str] | None]  # of an amplitude; ``None``: any

    def km(self, length: float | None) -> float | None:
        """Return a depth or a horizontal length of the schema in kilometres."""
        raise NotImplementedError

    def north_km(self, error: float | None) -> float | None:
        """Return an uncertainty of latitude in kilometres."""
        raise NotImplementedError

    def east_km(self, error: float | None, latitude: float) -> float | None:
        """Return an uncertainty of longitude in kilometres."""
        raise NotImplementedError

    def arrival(self, element: Any, ordinal: int) -> ArrivalRecord | None:
        """Return an arrival, ``None`` if it has no pick."""
        raise NotImplementedError

    def refer(self, fields: Fields, name: str) -> str | None:
        """Return the id of another part that this one names."""
        raise NotImplementedError

    def contribution(self, element: Any, fields: Fields, magnitude_id: str) -> None:
        """Take note that a station magnitude is part of a magnitude."""
        raise NotImplementedError

    def descriptions(self, fields: Fields) -> tuple[DescriptionRecord, ...]:
        records = []
        for element in fields.get("description", ()):
            inner = self.fields(element, "event/description", "description")
            text = self.text(inner, "text")
            if text is not None:
                records.append(DescriptionRecord(text, self.word(inner, "type", DESCRIPTION_TYPES)))
        return tuple(records)

    def origin(self, element: Any, ordinal: int) -> OriginRecord | None:
        path = "origin"
        fields = self.fields(element, path, "origin")
        time, time_uncertainty = self.moment(fields, "time", path)
        latitude, latitude_error = self.quantity(fields, "latitude", path, LATITUDE)
        longitude, longitude_error = self.quantity(fields, "longitude", path, LONGITUDE)
        depth, depth_error = self.quantity(fields, "depth", path, self.depth_range)
        arrivals = tuple(
            arrival
            for n, child in enumerate(fields.get("arrival", ()), 1)
            if (arrival := self.arrival(child, n)) is not None
        )
        latest = self.limits.latest()
        if time is not None and not plausible(
            self.problems, self.line(fields["time"]), "time", time, latest
        ):
            time = None
        if time is None or latitude is None or longitude is None:
            missing = "time" if time is None else "latitude" if latitude is None else "longitude"
            self.problem(element, "missing-field", missing, shown(element), "")
            return None
        uncertainty = fields.get(self.spread)
        inner: Fields = {}
        if uncertainty is not None:
            inner = self.fields(uncertainty, f"{path}/{self.spread}", "spread")
            self.word(inner, "preferredDescription", self.spreads)  # told by which values there are
        quality_element = fields.get("quality")
        quality: Fields = {}
        if quality_element is not None:
            quality = self.fields(quality_element, f"{path}/quality", "quality")
        agency, author, creation_time = self.creation(fields, path)
        return OriginRecord(
            origin_id=self.public_id(element, path, ordinal),
            time=time,
            latitude=latitude,
            longitude=longitude,
            depth_km=self.km(depth),
            time_uncertainty=time_uncertainty,
            time_fixed=self.boolean(fields, "timeFixed"),
            epicenter_fixed=self.boolean(fields, "epicenterFixed"),
            depth_type=self.word(fields, "depthType", DEPTH_TYPES),
            depth_uncertainty_km=self.km(depth_error),
            latitude_uncertainty_km=self.north_km(latitude_error),
            longitude_uncertainty_km=self.east_km(longitude_error, latitude),
            horizontal_uncertainty_km=self.km(self.real(inner, "horizontalUncertainty", POSITIVE)),
            semi_major_axis_km=self.km(self.real(inner, "maxHorizontalUncertainty", POSITIVE)),
            semi_minor_axis_km=self.km(self.real(inner, "minHorizontalUncertainty", POSITIVE)),
            major_axis_azimuth=self.real(inner, "azimuthMaxHorizontalUncertainty", AZIMUTH),
            confidence_level=self.real(inner, "confidenceLevel", PERCENT),
            used_phase_count=self.whole(quality, "usedPhaseCount"),
            associated_phase_count=self.whole(quality, "associatedPhaseCount"),
            used_station_count=self.whole(quality, "usedStationCount"),
            associated_station_count=self.whole(quality, "associatedStationCount"),
            depth_phase_count=self.whole(quality, "depthPhaseCount"),
            standard_error=self.real(quality, "standardError", POSITIVE),
            azimuthal_gap=self.real(quality, "azimuthalGap", AZIMUTH),
            secondary_azimuthal_gap=self.real(quality, "secondaryAzimuthalGap", AZIMUTH),
            minimum_distance_deg=self.real(quality, "minimumDistance", DISTANCE_DEG),
            maximum_distance_deg=self.real(quality, "maximumDistance", DISTANCE_DEG),
            median_distance_deg=self.real(quality, "medianDistance", DISTANCE_DEG),
            ground_truth_level=self.text(quality, "groundTruthLevel"),
            agency=agency,
            author=author,
            method_id=self.text(fields, "methodID"),
            earth_model_id=self.text(fields, "earthModelID"),
            origin_type=self.word(fields, "type", ORIGIN_TYPES),
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            evaluation_status=self.word(fields, "evaluationStatus", STATUSES),
            creation_time=creation_time,
            region=self.text(fields, "region"),
            arrivals=arrivals,
            comments=self.comments(fields, path),
            line_number=self.line(element),
        )

    def pick(self, element: Any, ordinal: int) -> PickRecord | None:
        path = "pick"
        fields = self.fields(element, path, "pick")
        station = self.station(fields, path)
        if station is None:
            self.problem(element, "missing-field", "waveformID", shown(element), "stationCode")
            return None
        time, time_uncertainty = self.moment(fields, "time", path)
        backazimuth, backazimuth_error = self.quantity(fields, "backazimuth", path, AZIMUTH)
        slowness, slowness_error = self.quantity(fields, "horizontalSlowness", path, POSITIVE)
        return PickRecord(
            pick_id=self.public_id(element, path, ordinal),
            station=station,
            time=time,
            time_uncertainty=time_uncertainty,
            phase_hint=self.text(fields, "phaseHint"),
            onset=self.word(fields, "onset", ONSETS),
            polarity=self.word(fields, "polarity", POLARITIES),
            backazimuth=backazimuth,
            backazimuth_uncertainty=backazimuth_error,
            horizontal_slowness=slowness,
            horizontal_slowness_uncertainty=slowness_error,
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            evaluation_status=self.word(fields, "evaluationStatus", STATUSES),
            agency=self.agency(fields, path),
            filter_id=self.text(fields, "filterID"),
            method_id=self.text(fields, "methodID"),
            comments=self.comments(fields, path),
            line_number=self.line(element),
        )

    def amplitude(self, element: Any, ordinal: int) -> AmplitudeRecord:
        path = "amplitude"
        fields = self.fields(element, path, "amplitude")
        value, uncertainty = self.quantity(fields, self.amplitude_value, path)
        units = self.units
        return AmplitudeRecord(
            amplitude_id=self.public_id(element, path, ordinal),
            value=value,
            unit=self.text(fields, "unit") if units is None else self.word(fields, "unit", units),
            type=self.text(fields, "type"),
            category=self.word(fields, "category", CATEGORIES),
            period=self.value(fields, "period", path, POSITIVE),
            snr=self.real(fields, "snr"),
            time=self.amplitude_time(fields, path),
            pick_id=self.refer(fields, "pickID"),
            station=self.station(fields, path),
            magnitude_hint=self.text(fields, "magnitudeHint"),
            uncertainty=uncertainty,
            agency=self.agency(fields, path),
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            method_id=self.text(fields, "methodID"),
            comments=self.comments(fields, path),
            line_number=self.line(element),
        )

    def amplitude_time(self, fields: Fields, path: str) -> datetime | None:
        return self.instant(fields, "scalingTime", path)

    def station_magnitude(self, element: Any, ordinal: int | str) -> StationMagnitudeRecord | None:
        path = "stationMagnitude"
        fields = self.fields(element, path, "station magnitude")
        value, uncertainty = self.magnitude_number(element, fields, path)
        if value is None:
            return None
        comments, bound = own_comment(self.comments(fields, path), BOUND_COMMENT)
        return StationMagnitudeRecord(
            value=value,
            type=self.text(fields, "type"),
            station=self.station(fields, path),
            station_magnitude_id=self.public_id(element, path, ordinal),
            origin_id=self.refer(fields, "originID"),
            amplitude_id=self.refer(fields, "amplitudeID"),
            uncertainty=uncertainty,
            bound=bound,
            agency=self.agency(fields, path),
            method_id=self.text(fields, "methodID"),
            comments=comments,
            line_number=self.line(element),
        )

    def magnitude_number(
        self, element: Any, fields: Fields, path: str
    ) -> tuple[float | None, float | None]:
        """Return value and uncertainty; a magnitude without a value is a problem."""
        name = self.magnitude_value
        value, uncertainty = self.quantity(fields, name, path, MAGNITUDE)
        if value is None:
            self.problem(element, "missing-field", f"{path}/{name}", shown(element), "number")
        return value, uncertainty

    def magnitude(self, element: Any, ordinal: int | str) -> MagnitudeRecord | None:
        path = "magnitude"
        fields = self.fields(element, path, "magnitude")
        value, uncertainty = self.magnitude_number(element, fields, path)
        if value is None:
            return None
        magnitude_id = self.public_id(element, path, ordinal)
        for child in fields.get("stationMagnitudeContribution", ()):
            inner = self.fields(child, f"{path}/stationMagnitudeContribution", "contribution")
            self.contribution(child, inner, magnitude_id)
        agency, author, creation_time = self.creation(fields, path)
        comments, bound = own_comment(self.comments(fields, path), BOUND_COMMENT)
        return MagnitudeRecord(
            value=value,
            type=self.text(fields, "type"),
            magnitude_id=magnitude_id,
            origin_id=self.refer(fields, "originID"),
            uncertainty=uncertainty,
            bound=bound,
            station_count=self.whole(fields, "stationCount"),
            azimuthal_gap=self.real(fields, "azimuthalGap", AZIMUTH),
            agency=agency,
            author=author,
            method_id=self.text(fields, "methodID"),
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            evaluation_status=self.word(fields, "evaluationStatus", STATUSES),
            creation_time=creation_time,
            comments=comments,
            line_number=self.line(element),
        )

    def mechanism(self, element: Any, ordinal: int) -> FocalMechanismRecord:
        path = "focalMechanism"
        fields = self.fields(element, path, "mechanism")
        agency, author, creation_time = self.creation(fields, path)
        planes: Fields = {}
        preferred = None
        if (nodal := fields.get("nodalPlanes")) is not None:
            planes = self.fields(nodal, f"{path}/nodalPlanes", "planes")
            preferred = count(
                self.problems, self.line(nodal), "preferredPlane", nodal.get("preferredPlane", "")
            )
        axes: Fields = {}
        if (principal := fields.get("principalAxes")) is not None:
            axes = self.fields(principal, f"{path}/principalAxes", "axes")
        comments, quality = own_comment(self.comments(fields, path), QUALITY_COMMENT)
        return FocalMechanismRecord(
            focal_mechanism_id=self.public_id(element, path, ordinal),
            nodal_plane_1=self.plane(planes, "nodalPlane1"),
            nodal_plane_2=self.plane(planes, "nodalPlane2"),
            preferred_plane=preferred,
            t_axis=self.axis(axes, "tAxis"),
            n_axis=self.axis(axes, "nAxis"),
            p_axis=self.axis(axes, "pAxis"),
            moment_tensor=self.tensor(fields),
            triggering_origin_id=self.text(fields, "triggeringOriginID"),
            station_polarity_count=self.whole(fields, "stationPolarityCount"),
            azimuthal_gap=self.real(fields, "azimuthalGap", AZIMUTH),
            misfit=self.real(fields, "misfit", POSITIVE),
            quality=quality,
            method_id=self.text(fields, "methodID"),
            agency=agency,
            author=author,
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            evaluation_status=self.word(fields, "evaluationStatus", STATUSES),
            creation_time=creation_time,
            comments=comments,
            line_number=self.line(element),
        )

    def plane(self, planes: Fields, name: str) -> NodalPlaneRecord | None:
        element = planes.get(name)
        if element is None:
            return None
        path = f"nodalPlanes/{name}"
        fields = self.fields(element, path, "plane")
        strike = self.value(fields, "strike", path, AZIMUTH)
        dip = self.value(fields, "dip", path, (0.0, 90.0))
        rake = self.value(fields, "rake", path, (-180.0, 360.0))
        if strike is None or dip is None or rake is None:
            self.problem(element, "missing-field", path, shown(element), "strike, dip, rake")
            return None
        return NodalPlaneRecord(strike, dip, rake - 360.0 if rake > 180.0 else rake)

    def axis(self, axes: Fields, name: str) -> AxisRecord | None:
        element = axes.get(name)
        if element is None:
            return None
        path = f"principalAxes/{name}"
        fields = self.fields(element, path, "axis")
        azimuth = self.value(fields, "azimuth", path, AZIMUTH)
        plunge = self.value(fields, "plunge", path, (-90.0, 90.0))
        length = self.value(fields, "length", path)
        if azimuth is None or plunge is None:
            self.problem(element, "missing-field", path, shown(element), "azimuth, plunge")
            return None
        return AxisRecord(azimuth, plunge, length)

    def tensor(self, parent: Fields) -> MomentTensorRecord | None:
        element = parent.get("momentTensor")
        if element is None:
            return None
        path = "focalMechanism/momentTensor"
        fields = self.fields(element, path, "tensor")
        parts: Fields = {}
        if (tensor := fields.get("tensor")) is not None:
            parts = self.fields(tensor, f"{path}/tensor", "components")
        inner = f"{path}/tensor"
        return MomentTensorRecord(
            mrr=self.value(parts, "Mrr", inner),
            mtt=self.value(parts, "Mtt", inner),
            mpp=self.value(parts, "Mpp", inner),
            mrt=self.value(parts, "Mrt", inner),
            mrp=self.value(parts, "Mrp", inner),
            mtp=self.value(parts, "Mtp", inner),
            scalar_moment=self.value(fields, "scalarMoment", path, POSITIVE),
            double_couple=self.real(fields, "doubleCouple"),
            clvd=self.real(fields, "clvd"),
            variance_reduction=self.real(fields, "varianceReduction"),
            derived_origin_id=self.text(fields, "derivedOriginID"),
            moment_magnitude_id=self.text(fields, "momentMagnitudeID"),
        )
