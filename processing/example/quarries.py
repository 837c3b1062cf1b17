"""Places of the example year's blasts, as an agency's register of quarries would list them.

They are made up like the blasts themselves (``seismicity.BLAST_SITES``): every name says so, and
they stand only for made-up events. Of two sites the register knows nothing, as is usual.
"""

from __future__ import annotations

from dataclasses import dataclass

from processing.example.seismicity import BLAST_SITES

CITATION = "Made up for the example year; no such register exists."
#: Ours: a pit and its surroundings.
RADIUS_KM = 8.0
#: QuakeML has no "mine blast".
KINDS = {"quarry blast": "quarry blast", "mine blast": "mining explosion"}
#: Sites that the register lists, with their names in Russian and Kazakh.
LISTED = {
    "Quarry near Almaty": ("Карьер близ Алматы", "Алматы маңындағы карьер"),
    "Mine at Tekeli": ("Рудник в Текели", "Текелідегі кеніш"),
    "Coal mine at Karazhyra": ("Угольный разрез Каражыра", "Қаражыра көмір разрезі"),
    "Coal mines at Ekibastuz": ("Угольные разрезы Экибастуза", "Екібастұз көмір разрездері"),
    "Coal mine at Shubarkol": ("Угольный разрез Шубарколь", "Шұбаркөл көмір разрезі"),
}


@dataclass(frozen=True)
class Quarry:
    """A row of the made-up register."""

    name_en: str
    name_ru: str
    name_kk: str
    latitude: float
    longitude: float
    kind: str
    radius_km: float = RADIUS_KM
    citation: str = CITATION


QUARRIES = tuple(
    Quarry(
        f"{name} (synthetic)",
        f"{LISTED[name][0]} (вымышленный)",
        f"{LISTED[name][1]} (ойдан шығарылған)",
        latitude,
        longitude,
        KINDS[kind],
    )
    for name, kind, latitude, longitude, _agencies, _count in BLAST_SITES
    if name in LISTED
)
