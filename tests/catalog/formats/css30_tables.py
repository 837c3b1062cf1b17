"""Rows of CSS3.0 tables for the tests, written as C programs write them.

The formats are typed from the manual's external formats, apart from the reader's column tables, so
that the two check each other. The values are made up.
"""

from __future__ import annotations

import calendar
from datetime import datetime
from pathlib import Path
from typing import Any

from catalog.formats import archives

NO_TIME = -9999999999.999

#: Table -> its fields with the C format and the null value.
TABLES: dict[str, list[tuple[str, str, Any]]] = {
    "event": [
        ("evid", "%8d", -1), ("evname", "%-15.15s", "-"), ("prefor", "%8d", -1),
        ("auth", "%-15.15s", "-"), ("commid", "%8d", -1), ("lddate", "%17.5f", NO_TIME),
    ],
    "origin": [
        ("lat", "%9.4f", -999.0), ("lon", "%9.4f", -999.0), ("depth", "%9.4f", -999.0),
        ("time", "%17.5f", NO_TIME), ("orid", "%8d", -1), ("evid", "%8d", -1),
        ("jdate", "%8d", -1), ("nass", "%4d", -1), ("ndef", "%4d", -1), ("ndp", "%4d", -1),
        ("grn", "%8d", -1), ("srn", "%8d", -1), ("etype", "%-7.7s", "-"),
        ("depdp", "%9.4f", -999.0), ("dtype", "%1s", "-"), ("mb", "%7.2f", -999.0),
        ("mbid", "%8d", -1), ("ms", "%7.2f", -999.0), ("msid", "%8d", -1),
        ("ml", "%7.2f", -999.0), ("mlid", "%8d", -1), ("algorithm", "%-15.15s", "-"),
        ("auth", "%-15.15s", "-"), ("commid", "%8d", -1), ("lddate", "%17.5f", NO_TIME),
    ],
    "origerr": [
        ("orid", "%8d", -1),
        *((name, "%15.4f", -1.0) for name in ("sxx", "syy", "szz", "stt")),
        *((name, "%15.4f", -1.0) for name in ("sxy", "sxz", "syz", "stx", "sty", "stz")),
        ("sdobs", "%9.4f", -1.0), ("smajax", "%9.4f", -1.0), ("sminax", "%9.4f", -1.0),
        ("strike", "%6.2f", -1.0), ("sdepth", "%9.4f", -1.0), ("stime", "%8.2f", -1.0),
        ("conf", "%5.3f", 0.0), ("commid", "%8d", -1), ("lddate", "%-17.17s", "-"),
    ],
    "assoc": [
        ("arid", "%8d", -1), ("orid", "%8d", -1), ("sta", "%-6.6s", "-"), ("phase", "%-8.8s", "-"),
        ("belief", "%4.2f", 9.99), ("delta", "%8.3f", -1.0), ("seaz", "%7.2f", -999.0),
        ("esaz", "%7.2f", -999.0), ("timeres", "%8.3f", -999.0), ("timedef", "%1s", "-"),
        ("azres", "%7.1f", -999.0), ("azdef", "%1s", "-"), ("slores", "%7.2f", -999.0),
        ("slodef", "%1s", "-"), ("emares", "%7.1f", -999.0), ("wgt", "%6.3f", -1.0),
        ("vmodel", "%-15.15s", "-"), ("commid", "%8d", -1), ("lddate", "%-17.17s", "-"),
    ],
    "arrival": [
        ("sta", "%-6.6s", "-"), ("time", "%17.5f", NO_TIME), ("arid", "%8d", -1),
        ("jdate", "%8d", -1), ("stassid", "%8d", -1), ("chanid", "%8d", -1),
        ("chan", "%-8.8s", "-"), ("iphase", "%-8.8s", "-"), ("stype", "%1s", "-"),
        ("deltim", "%6.3f", -1.0), ("azimuth", "%7.2f", -1.0), ("delaz", "%7.2f", -1.0),
        ("slow", "%7.2f", -1.0), ("delslo", "%7.2f", -1.0), ("ema", "%7.2f", -1.0),
        ("rect", "%7.3f", -1.0), ("amp", "%10.1f", -1.0), ("per", "%7.2f", -1.0),
        ("logat", "%7.2f", -999.0), ("clip", "%1s", "-"), ("fm", "%-2.2s", "-"),
        ("snr", "%10.2f", -1.0), ("qual", "%1s", "-"), ("auth", "%-15.15s", "-"),
        ("commid", "%8d", -1), ("lddate", "%-17.17s", "-"),
    ],
    "netmag": [
        ("magid", "%8d", -1), ("net", "%-8.8s", "-"), ("orid", "%8d", -1), ("evid", "%8d", -1),
        ("magtype", "%-6.6s", "-"), ("nsta", "%8d", -1), ("magnitude", "%7.2f", -999.0),
        ("uncertainty", "%7.2f", -1.0), ("auth", "%-15.15s", "-"), ("commid", "%8d", -1),
        ("lddate", "%-17.17s", "-"),
    ],
    "stamag": [
        ("magid", "%8d", -1), ("sta", "%-6.6s", "-"), ("arid", "%8d", -1), ("orid", "%8d", -1),
        ("evid", "%8d", -1), ("phase", "%-8.8s", "-"), ("magtype", "%-6.6s", "-"),
        ("magnitude", "%7.2f", -999.0), ("uncertainty", "%7.2f", -1.0), ("auth", "%-15.15s", "-"),
        ("commid", "%8d", -1), ("lddate", "%-17.17s", "-"),
    ],
    "stamag-idc": [
        ("magid", "%8d", -1), ("ampid", "%8d", -1), ("sta", "%-6.6s", "-"), ("arid", "%8d", -1),
        ("orid", "%8d", -1), ("evid", "%8d", -1), ("phase", "%-8.8s", "-"),
        ("delta", "%8.3f", -1.0), ("magtype", "%-6.6s", "-"), ("magnitude", "%7.2f", -999.0),
        ("uncertainty", "%7.2f", -1.0), ("magres", "%7.2f", -999.0), ("magdef", "%1s", "-"),
        ("mmodel", "%-15.15s", "-"), ("auth", "%-15.15s", "-"), ("commid", "%8d", -1),
        ("lddate", "%-17.17s", "-"),
    ],
    "remark": [
        ("commid", "%8d", -1), ("lineno", "%8d", -1), ("remark", "%-80.80s", "-"),
        ("lddate", "%-17.17s", "-"),
    ],
    "site": [
        ("sta", "%-6.6s", "-"), ("ondate", "%8d", -1), ("offdate", "%8d", -1),
        ("lat", "%9.4f", -999.0), ("lon", "%9.4f", -999.0), ("elev", "%9.4f", -999.0),
        ("staname", "%-50.50s", "-"), ("statype", "%-4.4s", "-"), ("refsta", "%-6.6s", "-"),
        ("dnorth", "%9.4f", 0.0), ("deast", "%9.4f", 0.0), ("lddate", "%-17.17s", "-"),
    ],
    "affiliation": [("net", "%-8.8s", "-"), ("sta", "%-6.6s", "-"), ("lddate", "%-17.17s", "-")],
}  # fmt: skip

#: Record lengths the schema's users state: the second check of the column tables.
WIDTHS = {
    "event": 76, "origin": 237, "origerr": 257, "assoc": 152, "arrival": 223, "netmag": 110,
    "stamag": 117, "stamag-idc": 161, "remark": 116, "site": 155, "affiliation": 33,
}  # fmt: skip


def row(table: str, **values: Any) -> str:
    """Return one row; what is not given is null."""
    names = {name for name, _, _ in TABLES[table]}
    assert set(values) <= names, set(values) - names
    return " ".join(form % (values.get(name, null),) for name, form, null in TABLES[table])


def file(*rows: str) -> bytes:
    """Return rows as a flat file."""
    return "".join(line + "\n" for line in rows).encode()


def epoch(text: str) -> float:
    """Return seconds since 1970 of a UTC time."""
    time = datetime.fromisoformat(text)
    return calendar.timegm(time.timetuple()) + time.microsecond / 1e6


def jdate(text: str) -> int:
    return int(f"{datetime.fromisoformat(text):%Y%j}")


TIME = "2014-11-14T01:24:16.500000"


def arrival(arid: int, sta: str, time: str, phase: str, **values: Any) -> str:
    return row(
        "arrival", sta=sta, time=epoch(time), arid=arid, jdate=jdate(time), iphase=phase, **values
    )


def database() -> dict[str, bytes]:
    """Return a database of two events, three origins and a reading that no event has."""
    return {
        "event": file(
            row("event", evid=7, evname="synthetic one", prefor=12, auth="TEST"),
            row("event", evid=8, prefor=13),
        ),
        "origin": file(
            row(
                "origin", lat=42.10, lon=77.27, depth=10.0, time=epoch(TIME), orid=11, evid=7,
                jdate=2014318, nass=3, ndef=2, ndp=0, grn=327, srn=29, etype="eq", dtype="g",
                mb=5.4, mbid=31, ms=5.2, ml=-1.0, algorithm="locsat", auth="TEST:auto",
            ),
            row(
                "origin", lat=42.16, lon=77.259, depth=15.5, time=epoch(TIME) + 0.25, orid=12,
                evid=7, jdate=2014318, nass=3, ndef=3, ndp=1, etype="f", depdp=14.0, dtype="f",
                mb=5.41, mbid=31, ml=5.6, algorithm="locsat", auth="TEST:analyst", commid=90,
            ),
            row(
                "origin", lat=49.8, lon=73.1, time=epoch("2014-11-14T05:30:00"), orid=13, evid=8,
                jdate=2014318, etype="qb",
            ),
        ),
        "origerr": file(
            row(
                "origerr", orid=12, sxx=4.0, syy=1.0, szz=9.0, stt=0.25, sdobs=0.81, smajax=4.29,
                sminax=2.15, strike=0.0, sdepth=5.1, stime=0.83, conf=0.9,
            ),
            row("origerr", orid=13, sxx=2.0, syy=1.0, szz=4.0, stt=0.04),
        ),
        "assoc": file(
            row(
                "assoc", arid=101, orid=12, sta="KNDC", phase="Pg", belief=0.9, delta=1.139,
                seaz=168.3, esaz=348.5, timeres=-0.12, timedef="d", azres=3.4, azdef="n",
                slores=-0.5, slodef="x", wgt=0.75, vmodel="iasp91",
            ),
            row("assoc", arid=102, orid=12, sta="KNDC", phase="Sg", delta=1.139, timedef="n"),
            row("assoc", arid=101, orid=11, sta="KNDC", phase="P", timeres=0.3, timedef="d"),
            row("assoc", arid=103, orid=13, sta="KUR01", phase="Pn", timedef="d"),
        ),
        "arrival": file(
            arrival(
                101, "KNDC", "2014-11-14T01:24:38.120000", "Pg", chan="BHZ", stype="r",
                deltim=0.05, azimuth=171.2, delaz=4.0, slow=13.4, delslo=0.8, ema=45.0, rect=0.912,
                amp=1234.5, per=0.8, logat=3.19, clip="n", fm="c.", snr=25.3, qual="i",
                auth="TEST", commid=91,
            ),
            arrival(102, "KNDC", "2014-11-14T01:24:54.300000", "Sg", per=1.2, fm=".r", qual="e"),
            arrival(103, "KUR01", "2014-11-14T05:30:41", "Pn", fm="d.", qual="w"),
            arrival(104, "KUR01", "2014-11-14T09:00:01.5", "P", amp=3.2, per=0.5),
        ),
        "netmag": file(
            row(
                "netmag", magid=31, net="TEST", orid=12, evid=7, magtype="mb", nsta=4,
                magnitude=5.41, uncertainty=0.2, auth="TEST:analyst",
            ),
            row("netmag", magid=32, orid=12, evid=7, magtype="KR", nsta=9, magnitude=13.6),
        ),
        "stamag": file(
            row(
                "stamag", magid=31, sta="KNDC", arid=101, orid=12, evid=7, phase="Pg",
                magtype="mb", magnitude=5.5, uncertainty=0.1, auth="TEST",
            ),
        ),
        "remark": file(
            row("remark", commid=90, lineno=2, remark="second line"),
            row("remark", commid=90, lineno=1, remark="Synthetic: made for a test,"),
            row("remark", commid=91, lineno=1, remark="read twice"),
        ),
        "site": file(
            row("site", sta="KNDC", ondate=2005001, lat=43.2172, lon=76.9658, elev=0.9),
            row("site", sta="KUR01", ondate=1990001, offdate=2001001, lat=50.0, lon=78.0, elev=0.1),
            row("site", sta="KUR01", ondate=2001002, lat=50.62, lon=78.53, elev=0.2),
        ),
        "affiliation": file(
            row("affiliation", net="KZ", sta="KNDC"),
            row("affiliation", net="KZ", sta="KUR01"),
            row("affiliation", net="KURK", sta="KUR01"),
        ),
    }  # fmt: skip


def archive(tables: dict[str, bytes], stem: str = "synthetic") -> bytes:
    """Return tables as the archive in which files sent together are kept."""
    return archives.pack((f"{stem}.{table}", data) for table, data in tables.items())


def write_golden(folder: Path) -> None:
    """Write the golden files; run by hand when the tables above change."""
    tables = database()
    (folder / "synthetic_css30.zip").write_bytes(archive(tables))
    (folder / "synthetic_css30.origin").write_bytes(tables["origin"])
    (folder / "synthetic_css30.arrival").write_bytes(tables["arrival"])
