"""The numbers of a draft: their style, their units, and by how much an amount may differ."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from repurchase.domain.errors import Wrong, short
from repurchase.domain.quantities import written
from repurchase.intake.draft.columns import Column, Fields
from repurchase.intake.draft.questions import Drafting, flow, quoted
from repurchase.intake.draft.styles import (
    NONE,
    Texts,
    Values,
    apart,
    in_thousandths,
    multiplies,
    other_unit,
    readings,
    said,
    style_of,
)
from repurchase.intake.mapping import FIGURES, OPEN
from repurchase.intake.printed import ONE, Reader, Style, number_reader

_HUNDREDTHS: Final = ("pence", "cents")


def draft_numbers(drafting: Drafting, fields: Fields) -> Values | None:
    """Say how numbers are printed, or ask; return their values if there is one way to read them."""
    given = drafting.answers.get("numbers")
    texts = {name: fields[name][0].texts for name in FIGURES if name in fields}
    found = readings(texts, style_of(given) if drafting.answers.says(("numbers",)) else None)
    if found.odd:
        what = f"does {quoted(found.odd)} beside a number change what it means?"
        around = found.styles[0][0].around if found.styles else found.odd
        drafting.ask(("numbers", "around"), what, [flow(list(around))])
    if found.is_settled:
        what = "numbers: in one reading alone price times quantity is the amount"
        drafting.settled.append(what)
    if len(found.styles) == 1:
        if style := said(found.styles[0][0]):
            drafting.values["numbers"] = style
        _ask_none(drafting, texts, *found.styles[0])
        return found.styles[0][1]
    every = (text for column in texts.values() for text in column)
    example = next((text for text in every if "." in text or "," in text), "")
    what = f"`{example}` can be read in {len(found.styles)} ways"
    if not found.styles:
        all_ = "all numbers" if found.failing else "all quantities as whole numbers"
        what = f"no known style reads {all_}, such as `{short(found.failing or example)}`"
    drafting.ask(("numbers",), what, (flow(said(style)) for style, _ in found.styles))
    return None


def _ask_none(drafting: Drafting, texts: Texts, style: Style, values: Values) -> None:
    """Ask whether rows of no shares, or words that may say so, are days without a purchase."""
    empty = [at for at, one in enumerate(values.get("quantity", ())) if one == "0"]
    zeros = {texts[name][at].strip() for name in texts for at in empty if values[name][at] == "0"}
    words = {one for one in style.none if not NONE.fullmatch(one)}
    if zeros or words:
        rows = "1 row has" if len(empty) == 1 else f"{len(empty):,} rows have"
        what = f"{rows} no shares: does" if zeros else "instead of a number, does"
        what += f" {quoted(sorted(zeros | words))} say that nothing was bought?"
        drafting.ask(("numbers", "none"), what, [flow([*style.none, *sorted(zeros)])])


def number_of(drafting: Drafting) -> Reader | None:
    """Return what reads the numbers of the file, if their style is known."""
    if drafting.is_open("numbers"):
        return None
    given = drafting.answers.get("numbers")
    is_given = drafting.answers.says(("numbers",))
    return number_reader(style_of(given if is_given else drafting.values.get("numbers", {})))


def draft_units(
    drafting: Drafting, fields: Fields, values: Values, columns: Sequence[Column]
) -> None:
    """Ask for the unit of a column whose name or figures show one, and for a tolerance."""
    units: dict[str, str] = {}
    for name in (one for one in FIGURES if one in fields):
        if (unit := _unit(drafting, name, fields[name][0], values, columns)) is not None:
            units[name] = unit
    gaps = [gap for gap, _ in apart(values, units) if gap]
    if gaps and not multiplies(values, units) and not drafting.answers.says(("columns", "amount")):
        called = fields["amount"][0].called
        what = f"price times quantity is far from `{called}`: is it the money? If not, ignore it"
        drafting.ask(("columns", "amount"), what, [flow(called)])
        drafting.columns["amount"] = OPEN
    elif gaps:
        _ask_tolerance(drafting, gaps, values["amount"])


def _unit(
    drafting: Drafting, field: str, column: Column, values: Values, columns: Sequence[Column]
) -> str | None:
    """Return the unit of *field*, as its *column* or the figures show it; ask whether it is so."""
    shown = other_unit(values)
    computed = shown[1] if shown and shown[0] == field else None
    of_currency = (one.part_of_currency() for one in columns if field == "price")
    named = column.unit() or next(filter(None, of_currency), None)
    answer = drafting.answers.get("columns", field, "unit")
    unit = answer or computed or named
    if unit is None and field == "price" and not multiplies(values):
        _ask_part(drafting, column, columns)
    if field == "quantity" and in_thousandths(column.texts, values[field]):
        what = f"`{column.name}` has a mark before three digits: does it group thousands?"
        if not multiplies(values):
            drafting.ask(("columns", field, "unit"), what, ("thousands", ONE))
    if unit is None or _is_in_hundredths(drafting, field, unit, answer):
        return None
    drafting.columns.setdefault(field, {"column": column.called})
    if answer is None and computed == named:
        drafting.columns[field]["unit"] = named
        what = f"{field}: price times quantity is the amount if it is in {named}"
        drafting.settled.append(what)
        return unit
    what = f"`{column.name}`, or its currency, mentions {named}"
    if computed is not None:
        what = f"price times quantity is the amount if `{column.name}` is in {computed}"
    drafting.ask(("columns", field, "unit"), what, (unit, ONE))
    return unit


def _ask_part(drafting: Drafting, price: Column, columns: Sequence[Column]) -> None:
    """Ask whether prices are in pence or in pounds if nothing says it, and the rule file may."""
    known = drafting.known
    what = f"nothing says whether `{price.name}` is in {known.part}"
    if known.in_hundredths:
        what = f"the rule file has prices in hundredths: is `{price.name}` so, too ({ONE})?"
        drafting.ask(("columns", "price", "unit"), what, (ONE, "hundreds"))
    elif known.part and not any(one.names_currency() for one in (price, *columns)):
        drafting.ask(("columns", "price", "unit"), what, (ONE, known.part))


def _is_in_hundredths(drafting: Drafting, field: str, unit: str, answer: str | None) -> bool:
    """Return whether the rule file has prices in hundredths, too; refuse to divide them again."""
    if field != "price" or unit not in _HUNDREDTHS or not drafting.known.in_hundredths:
        return False
    if answer in _HUNDREDTHS:
        what = f"has prices in {unit}, as the rule file has: divided, they would be a hundredth"
        raise Wrong(what, f"answer columns.{field}.unit={ONE}")
    drafting.settled.append(f"{field}: the rule file has prices in {unit}, too")
    return True


def _ask_tolerance(
    drafting: Drafting, gaps: Sequence[Fraction], amounts: Sequence[str | None]
) -> None:
    """Ask by how much price times quantity may differ from the amount."""
    decimals = max(len((one or "").partition(".")[2]) for one in amounts)
    half = f'"{written(Fraction(1, 2 * 10**decimals))}"'
    rows = "1 row" if len(gaps) == 1 else f"{len(gaps):,} rows"
    most = written(Fraction(-(-max(gaps) * 100 // 1), 100))
    what = f"price times quantity differs from the amount in {rows}, by up to {most}"
    drafting.ask(("tolerances", "row"), what, [half])
