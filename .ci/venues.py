"""Write the tables of venues and of currencies from ISO 10383 and ISO 4217: `make venues`.

The releases are pinned in venues.in. A venue keeps the zone of its country, if that has only one;
else that of its city, by the table below. A venue whose zone neither gives has none, and a rule
file must then say it. The script names the cities that the table lacks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

_DOMAIN: Final = Path(__file__).parents[1] / "engine" / "repurchase" / "domain"
VENUES: Final = _DOMAIN / "venues.tsv"
CURRENCIES: Final = _DOMAIN / "currencies.tsv"
COLUMNS: Final = (
    "mic",
    "operating",
    "name",
    "country",
    "city",
    "status",
    "category",
    "created",
    "expired",
    "zone",
)

# The cities of countries with several zones.
_CITIES: Final[Mapping[str, Mapping[str, str]]] = {
    "AR": {
        "America/Argentina/Buenos_Aires": "Buenos Aires",
        "America/Argentina/Cordoba": "Cordoba, Santa Fe, Rosario, Corrientes",
        "America/Argentina/Mendoza": "Mendoza",
        "America/Argentina/Tucuman": "Tucuman",
    },
    "AU": {
        "Australia/Sydney": "Sydney, Newcastle, Lane Cove",
        "Australia/Melbourne": "Melbourne",
    },
    "BR": {
        "America/Sao_Paulo": "Sao Paulo, Rio De Janeiro, Curitiba, Maringa, Espirito Santo",
    },
    "CA": {
        "America/Toronto": "Toronto, Montreal",
        "America/Winnipeg": "Winnipeg",
        "America/Edmonton": "Calgary, Alberta",
        "America/Vancouver": "Vancouver",
    },
    "CL": {"America/Santiago": "Santiago, Valparaiso"},
    "CN": {"Asia/Shanghai": "Beijing, Shanghai, Shenzhen, Dalian, Zhengzhou, Wuxi"},
    "CY": {"Asia/Nicosia": "Nicosia, Nicosia Lefkosia, Limassol, Larnaca"},
    "DE": {
        "Europe/Berlin": "Berlin, Frankfurt, Frankfurt Am Main, Eschborn, Stuttgart, Munich, "
        "Muenchen, Hamburg, Hannover, Duesseldorf, Bremen, Leipzig, Kiel, Schwerin, Regensburg, "
        "Oldenburg, Rodgau, Oststeinbek, Unterschleisshem",
    },
    "EC": {"America/Guayaquil": "Guayaquil, Quito"},
    "ES": {
        "Europe/Madrid": "Madrid, Barcelona, Bilbao, Valencia, Sabadell, Zaragoza, Santander, "
        "Jaen, Palma De Mallorca",
    },
    "ID": {"Asia/Jakarta": "Jakarta, Surabaya"},
    "KZ": {"Asia/Almaty": "Almaty, Astana"},
    "MN": {"Asia/Ulaanbaatar": "Ulaan Baatar"},
    "MX": {"America/Mexico_City": "Mexico"},
    "MY": {"Asia/Kuala_Lumpur": "Kuala Lumpur", "Asia/Kuching": "Labuan"},
    "NZ": {"Pacific/Auckland": "Auckland"},
    "PG": {"Pacific/Port_Moresby": "Port Moresby"},
    "PS": {"Asia/Hebron": "Nablus"},
    "PT": {"Europe/Lisbon": "Lisbon, Porto"},
    "RU": {
        "Europe/Moscow": "Moscow, Saint Petersburg, Rostov, Nizhniy Novgorod",
        "Europe/Samara": "Samara",
        "Asia/Yekaterinburg": "Ekaterinburg",
        "Asia/Novosibirsk": "Novosibirsk",
        "Asia/Vladivostok": "Vladivostok",
    },
    "UA": {"Europe/Kyiv": "Kiev, Dnipropetrovsk, Kharkov, Odessa"},
    "US": {
        "America/New_York": "New York, New York Ny, Washington New York, Washington, Boston, "
        "Atlanta, Jersey City, New Jersey, North Bergen, Red Bank, Bedminster, Princeton, "
        "Sea Girt, Greenwich, Stamford, Wilmington, Purchase, Great Neck, Charlotte, "
        "Philadelphia, Narberth, Boca Raton, Winter Park, Miami, Chatham, Mount Pleasant, Vienna",
        "America/Chicago": "Chicago, Illinois, Glenview, Lenexa, Kansas City, Minneapolis, "
        "The Woodlands",
        "America/Phoenix": "Phoenix",
        "America/Los_Angeles": "San Francisco, San Carlos, Los Angeles, Moorpark",
        "America/Puerto_Rico": "Guaynabo",
    },
    "UZ": {"Asia/Tashkent": "Tashkent"},
}
# The exchanges of shares of the United States count their days in New York, wherever they sit.
_NEW_YORK: Final = ("BATS", "BATY", "BYXD", "BZXD", "EDDP", "EDGA", "EDGD", "EDGX", "LTSE", "XCHI")


def main() -> None:
    """Write both tables anew, and name the cities without a zone."""
    # The tests load this script without the package.
    rows = sorted(_row(each.value) for each in import_module("iso10383").MIC)
    _write(VENUES, f"iso10383 {version('iso10383')}", COLUMNS, rows)
    currencies = sorted(_currencies())
    _write(CURRENCIES, f"iso-4217 {version('iso-4217')}", ("code", "withdrawn", "name"), currencies)
    lacking = sorted({f"{row[3]} {row[4]}".strip() for row in rows if not row[-1]})
    sys.stdout.write(f"{len(rows)} venues, {len(currencies)} currencies\n")
    sys.stdout.write(f"without a zone: {', '.join(lacking)}\n")


def _write(path: Path, release: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    lines = [release, *("\t".join(row) for row in (columns, *rows))]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _row(entry: Any) -> tuple[str, ...]:
    """Return the cells of *entry*, a venue of ISO 10383."""
    country = entry.iso_country_code.name.rstrip("_").upper()
    city = "" if entry.city is None else entry.city.name.replace("_", " ").title()
    operating = entry.mic if entry.operating_mic is None else entry.operating_mic.mic
    return (
        entry.mic,
        operating,
        " ".join(entry.market_name.split()),
        country,
        city,
        entry.status.name,
        entry.market_category_code.name.upper(),
        entry.creation_date.isoformat(),
        "" if entry.expiry_date is None else entry.expiry_date.isoformat(),
        zone_of(entry.mic, country, city) or "",
    )


def zone_of(mic: str, country: str, city: str) -> str | None:
    """Return the zone of the venue *mic* in *city*; `None` if nothing says it."""
    if mic in _NEW_YORK:
        return "America/New_York"
    zones = _zones_by_country().get(country, ())
    if len(zones) == 1:
        return zones[0]
    listed = _CITIES.get(country, {}).items()
    return next((zone for zone, cities in listed if city in cities.split(", ")), None)


@cache
def _zones_by_country() -> Mapping[str, tuple[str, ...]]:
    """Return the zones of each country, as the release of the time zones lists them."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), zone)
    return found


def _currencies() -> Iterator[tuple[str, str, str]]:
    """Yield the code, the month of withdrawal and the name of each currency, each code once.

    Without a month, the currency is in use; a code that is in use again has none.
    """
    data = files("iso_4217") / "data"
    withdrawn: dict[str, tuple[str, str]] = {}
    for entry in _entries(data / "list-three.xml", "HstrcCcyNtry"):
        ended = str(entry.findtext("WthdrwlDt")).split(" to ")[-1]
        code, name = str(entry.findtext("Ccy")), str(entry.findtext("CcyNm"))
        withdrawn[code] = max(withdrawn.get(code, ("", "")), (ended, name))
    in_use = {
        str(entry.findtext("Ccy")): ("", str(entry.findtext("CcyNm")))
        for entry in _entries(data / "list-one.xml", "CcyNtry")
        if entry.findtext("Ccy") is not None
    }
    for code, (ended, name) in (withdrawn | in_use).items():
        yield code, ended, name


def _entries(path: Any, tag: str) -> Iterator[ElementTree.Element]:
    # The release is pinned.
    return ElementTree.fromstring(path.read_text("utf-8")).iter(tag)  # noqa: S314


if __name__ == "__main__":
    main()
