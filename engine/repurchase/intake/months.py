"""The names of the months in the languages of the files that people send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMES: Final = {
    "en": "january february march april may june july august september october november december",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre"
    " diciembre",
    "fi": "tammikuu helmikuu maaliskuu huhtikuu toukokuu kesäkuu heinäkuu elokuu syyskuu lokakuu"
    " marraskuu joulukuu",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre"
    " dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "no": "januar februar mars april mai juni juli august september oktober november desember",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro"
    " dezembro",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}
# Short names that are not the beginning of the name.
_SHORT: Final = {
    "de": {"mrz": 3},
    "es": {"set": 9},
    "fr": {"janv": 1, "févr": 2, "avr": 4, "juil": 7, "déc": 12},
    "nl": {"mrt": 3},
    "en": {"sept": 9},
}
_SHORT_MIN: Final = 3
LANGUAGES: Final = tuple(sorted(_NAMES))


def _of(language: str) -> dict[str, int]:
    """Return the number of each month by its names: whole, and cut to what tells it apart."""
    names = _NAMES[language].split()
    found: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        for length in range(_SHORT_MIN, len(name) + 1):
            begin = name[:length]
            if sum(other.startswith(begin) for other in names) == 1:
                found[begin] = number
        # In Finnish a date has the month in the partitive.
        if language == "fi":
            found[f"{name}ta"] = number
    return found | _SHORT.get(language, {})


MONTHS: Final[Mapping[str, Mapping[str, int]]] = {one: _of(one) for one in LANGUAGES}
