"""The names of months and weekdays in the languages of the files that people send."""

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
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października"
    " listopada grudnia",
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
# In Finnish, what is cut to three letters is the month of another language: `mar` is November.
_SHORT_MIN_OF: Final = {"fi": 4}
# From Monday on.
_DAYS: Final = {
    "en": "monday tuesday wednesday thursday friday saturday sunday",
    "da": "mandag tirsdag onsdag torsdag fredag lørdag søndag",
    "de": "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "fi": "maanantai tiistai keskiviikko torstai perjantai lauantai sunnuntai",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    "no": "mandag tirsdag onsdag torsdag fredag lørdag søndag",
    "pl": "poniedziałek wtorek środa czwartek piątek sobota niedziela",
    "pt": "segunda terça quarta quinta sexta sábado domingo",
    "sv": "måndag tisdag onsdag torsdag fredag lördag söndag",
}
_SHORT_DAY_MIN: Final = 2
# These stand in dates of any language.
_SIGNS: Final = dict(zip("月火水木金土日", range(1, 8), strict=True))
LANGUAGES: Final = tuple(sorted(_NAMES))


def _numbered(names: list[str], least: int) -> dict[str, int]:
    """Return the number of each of *names*, whole or cut to *least* letters that tell it apart."""
    found: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        for length in range(least, len(name) + 1):
            begin = name[:length]
            if sum(other.startswith(begin) for other in names) == 1:
                found[begin] = number
    return found


def _months(language: str) -> dict[str, int]:
    names = _NAMES[language].split()
    found = _numbered(names, _SHORT_MIN_OF.get(language, _SHORT_MIN)) | _SHORT.get(language, {})
    # In Finnish a date has the month in the partitive.
    partitive = {f"{name}ta": number for number, name in enumerate(names, 1)}
    return found | partitive if language == "fi" else found


MONTHS: Final[Mapping[str, Mapping[str, int]]] = {one: _months(one) for one in LANGUAGES}
WEEKDAYS: Final[Mapping[str, Mapping[str, int]]] = {
    one: _numbered(_DAYS[one].split(), _SHORT_DAY_MIN) | _SIGNS for one in LANGUAGES
}
