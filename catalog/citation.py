"""A reference to the catalogue as reference managers read it: text, BibTeX, RIS, CSL-JSON.

What is cited is the catalogue at a version, the number of its last change, or an edition, which
keeps the same bytes for ever. It knows no request and no database; ``portal.citing`` and
``catalog.edition_contents`` fill a ``Reference``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Reference:
    """What is cited. Texts are in the reader's language."""

    key: str
    author: str
    title: str
    year: int
    version: int
    url: str
    #: ``None``: what the address leads to never changes.
    accessed: date | None
    language: str
    #: What was selected, in search words; empty: all of it.
    selection: str = ""
    #: Agencies whose solutions are in the selection.
    sources: tuple[str, ...] = ()
    #: What a reader must know: "contains invented events".
    notes: tuple[str, ...] = ()
    #: Name of the edition: "KZ-2014/1"; empty: the catalogue itself.
    edition: str = ""

    @property
    def which(self) -> tuple[str, ...]:
        """Edition and version as sentences."""
        version = _("Version %(number)s.") % {"number": self.version}
        if not self.edition:
            return (version,)
        return (_("Edition %(name)s.") % {"name": self.edition}, version)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Selection, sources and notes as sentences."""
        found = []
        if self.selection:
            found.append(_("Selection: %(words)s.") % {"words": self.selection})
        if self.sources:
            found.append(_("Data of %(agencies)s.") % {"agencies": ", ".join(self.sources)})
        return (*found, *self.notes)


def text(reference: Reference) -> str:
    """Return the reference as one line of a list of references."""
    sentences = [
        f"{reference.author} ({reference.year}). {reference.title}.",
        *reference.which,
        *reference.remarks,
        f"{reference.url} ({_accessed(reference.accessed)})."
        if reference.accessed
        else reference.url,
    ]
    return " ".join(sentences)


def _accessed(day: date) -> str:
    return _("accessed %(date)s") % {"date": day.isoformat()}


# --- BibTeX ------------------------------------------------------------------------------------

# BibTeX counts braces even behind a backslash, so a brace has to go by its name.
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_KEY = re.compile(r"[^A-Za-z0-9:-]")


def latex(words: str) -> str:
    """Return text with LaTeX's special signs written out; letters stay UTF-8."""
    return "".join(_LATEX.get(sign, sign) for sign in _one_line(words))


def bibtex(reference: Reference) -> str:
    """Return a BibTeX entry, UTF-8.

    ``@misc`` is known to every style; ``version`` and ``urldate`` are BibLaTeX's, which others
    leave out, so the note says both again.
    """
    accessed = reference.accessed
    note = " ".join(
        (
            *reference.which,
            *reference.remarks,
            *((_accessed(accessed).capitalize() + ".",) if accessed else ()),
        )
    )
    fields = {
        # The second braces keep an institution from being taken for a person.
        "author": f"{{{latex(reference.author)}}}",
        "title": f"{{{latex(reference.title)}}}",
        "year": str(reference.year),
        "publisher": latex(reference.author),
        "version": str(reference.version),
        **({"edition": latex(reference.edition)} if reference.edition else {}),
        "url": _plain_url(reference.url),
        **({"urldate": accessed.isoformat()} if accessed else {}),
        "language": {"kk": "kazakh", "ru": "russian"}.get(reference.language, "english"),
        "note": latex(note),
    }
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"% Encoding: UTF-8\n@misc{{{_KEY.sub('', reference.key)},\n{body}\n}}\n"


def _plain_url(url: str) -> str:
    """Return an address without the signs that end a BibTeX field."""
    return _one_line(url).replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")


# --- RIS ---------------------------------------------------------------------------------------


def ris(reference: Reference) -> str:
    """Return an RIS record: a tag, two blanks, a hyphen, a blank, the value; CR LF."""
    lines = [
        ("TY", "DATA"),
        ("ID", reference.key),
        ("AU", reference.author),
        ("TI", reference.title),
        ("PY", str(reference.year)),
        ("ET", reference.edition or str(reference.version)),
        ("PB", reference.author),
        *((("Y2", f"{reference.accessed:%Y/%m/%d}"),) if reference.accessed else ()),
        ("UR", reference.url),
        ("LA", reference.language),
        *(("N1", remark) for remark in reference.remarks),
        ("ER", ""),
    ]
    return "".join(f"{tag}  - {_one_line(value)}\r\n" for tag, value in lines)


def _one_line(value: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


# --- CSL-JSON ----------------------------------------------------------------------------------


def csl(reference: Reference) -> dict[str, Any]:
    """Return the item as the Citation Style Language has it."""
    accessed = reference.accessed
    seen = [accessed.year, accessed.month, accessed.day] if accessed else None
    return {
        "id": reference.key,
        "type": "dataset",
        "title": reference.title,
        "author": [{"literal": reference.author}],
        "publisher": reference.author,
        "issued": {"date-parts": [[reference.year]]},
        **({"accessed": {"date-parts": [seen]}} if seen else {}),
        **({"edition": reference.edition} if reference.edition else {}),
        "version": str(reference.version),
        "URL": reference.url,
        "language": reference.language,
        "note": " ".join(reference.remarks),
    }


def csl_json(reference: Reference) -> str:
    return json.dumps([csl(reference)], ensure_ascii=False, indent=2) + "\n"
