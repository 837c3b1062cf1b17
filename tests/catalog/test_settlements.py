"""Names of oblasts."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

from django.utils import translation

from catalog import data
from catalog.settlements import OBLASTS, oblast_of


def test_every_oblast_of_the_shipped_settlements_has_a_name() -> None:
    file = Path(data.__file__).parent / "settlements.tsv.gz"
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        codes = {
            row["region_code"]
            for row in csv.DictReader(stream, delimiter="\t")
            if row["country"] == "KZ"
        }
    assert codes - {"00"} == set(OBLASTS)
    with translation.override("en"):
        assert len({str(name) for name in OBLASTS.values()}) == len(OBLASTS)
        assert oblast_of("KZ", "02") == "Almaty city"
    assert oblast_of("KZ", "00") == oblast_of("KG", "01") == ""
