"""What a place's name sounds like, whoever spelled it: one key for the spellings of one name.

Узынагаш, Ұзынағаш, Uzynagash, Uzınağaş and Uzynaghash are one village. Cyrillic (Russian and
Kazakh), the Kazakh Latin of 2021, and the English systems of GOST 7.79-2000 (B), BGN/PCGN and
newspapers are brought to one small alphabet; what the systems do not tell apart is one letter there
(қ and к; ғ and г; ы, и, і, й and y). A key says nothing of the true spelling and is never shown.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: Cyrillic letter -> letters of the key. Russified spellings (агкноуухи for әғқңөұүһі) are one.
_CYRILLIC = dict(
    zip("абвгдезиклмнопрстуфыйэёәғқңөұүіһх", "abvgdeziklmnoprstufiieeagknouuihh", strict=True)
) | {
    **{"ж": "j", "ц": "ts", "ч": "c", "ш": "x", "щ": "x", "ю": "iu", "я": "ia", "ъ": "", "ь": ""},
    **{"ў": "u", "ҷ": "j", "ҳ": "h", "ӣ": "i", "ӯ": "u"},
}
#: Latin letters that carry a mark which tells them from their plain letter.
_LATIN = {"ş": "x", "š": "x", "ç": "c", "č": "c", "ž": "j", "ı": "i", "ŋ": "n", "ə": "a"} | {
    **{"ö": "o", "ü": "u", "ä": "a", "ñ": "n", "ğ": "g", "q": "k", "w": "v", "y": "i"}
}
_LETTERS = str.maketrans(_CYRILLIC | _LATIN)
#: Two or more letters for one sound, the longest first; each answer is shorter, so this ends.
_SOUNDS = (
    *(("shch", "x"), ("dzh", "j"), ("dj", "j"), ("sh", "x"), ("ch", "c"), ("zh", "j")),
    *(("kh", "h"), ("gh", "g"), ("ng", "n"), ("ie", "e"), ("io", "e"), ("ii", "i")),
)
#: Words that say what kind of place it is, in three languages and as abbreviated.
_KINDS = frozenset(
    (
        *("г", "гор", "город", "с", "село", "селение", "пос", "п", "посёлок", "поселок", "пгт"),
        *("ст", "станция", "аул", "а", "ауыл", "ауылы", "кент", "кенті", "қ", "қала", "қаласы"),
        *("city", "town", "village", "settlement", "of", "de"),
    )
)
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_BRACKETED = re.compile(r"\([^()]*\)")


def key(name: str) -> str:
    """Return the key of a name; the key of a key is itself, and of no letters "".

    Words for the kind of place (г., село, ауылы, city) and what stands in brackets are left out,
    unless nothing else is there.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    words = _WORD.findall(unicodedata.normalize("NFC", _BRACKETED.sub(" ", text)))
    named = [word for word in words if word not in _KINDS] or words or _WORD.findall(text)
    letters = "".join(named)
    while (sounded := _sounded(letters)) != letters:
        letters = sounded
    return letters


def _sounded(letters: str) -> str:
    """Bring letters nearer to the key's alphabet by one step."""
    letters = letters.translate(_LETTERS)
    letters = "".join(
        c for c in unicodedata.normalize("NFKD", letters).casefold() if c.isalnum()
    ).translate(_LETTERS)
    for sound, letter in _SOUNDS:
        letters = letters.replace(sound, letter)
    return re.sub(r"(.)\1+", r"\1", letters)


def letters_of(key: str) -> int:
    """Return which letters a key has, as bits; those two keys differ in bound their distance."""
    bits = 0
    for letter in key:
        bits |= 1 << (ord(letter) % 61)
    return bits


def allowed_distance(key: str) -> int:
    """Return how many letters may be wrong in a name that is still proposed. Ours, version 1."""
    return 0 if len(key) < 4 else 1 if len(key) < 8 else 2


def edit_distance(one: str, other: str, most: int) -> int:
    """Return the Levenshtein distance of two keys, ``most + 1`` where it is larger."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        now = [row]
        for column, against in enumerate(other, start=1):
            now.append(
                min(
                    before[column] + 1,
                    now[column - 1] + 1,
                    before[column - 1] + (letter != against),
                )
            )
        if min(now) > most:
            return most + 1
        before = now
    return min(before[-1], most + 1)


# --- "12 km SW of Almaty" -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bearing:
    """How a text says a place lies from a named one."""

    direction: str
    """Of the eight, by its English letters."""
    place: str
    distance_km: float | None

    @property
    def azimuth(self) -> float:
        """From the named place to the one meant [deg]."""
        return DIRECTIONS.index(self.direction) * 45.0


DIRECTIONS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
#: The same eight as texts write them, in the order of ``DIRECTIONS``.
_WRITTEN = (
    "N NE E SE S SW W NW",
    "С СВ В ЮВ Ю ЮЗ З СЗ",
    "north north-east east south-east south south-west west north-west",
    "северу северо-востоку востоку юго-востоку югу юго-западу западу северо-западу",
    "севернее северо-восточнее восточнее юго-восточнее южнее юго-западнее западнее северо-западнее",
)
_SAID = {
    word: direction
    for words in _WRITTEN
    for word, direction in zip(words.split(), DIRECTIONS, strict=True)
}
_BEARING = re.compile(
    r"(?:(?P<km>\d+(?:[.,]\d+)?)\s*(?:km|км)\.?\s*)?(?:to the |к |на )?"
    rf"\b(?P<direction>{'|'.join(sorted(_SAID, key=len, reverse=True))})\b"
    r"\s+(?:of\s+|from\s+|от\s+)?(?:г\.\s*|с\.\s*)?"
    r"(?P<place>[^\W\d_][\w'’-]*(?: [^\W\d_a-zа-я]\w+)?)"
)


def bearing_of(text: str) -> Bearing | None:
    """Return what a text says of direction: ``12 км ЮЗ от Алматы``; ``None`` if it says none."""
    found = _BEARING.search(text[:500])
    if found is None:
        return None
    km = found["km"]
    return Bearing(
        _SAID[found["direction"]], found["place"], float(km.replace(",", ".")) if km else None
    )


def direction_of(azimuth: float) -> str:
    """Return the one of the eight directions an azimuth [deg] is nearest to."""
    return DIRECTIONS[round(azimuth / 45.0) % 8]
