"""Words of a source: whether they say a figure, and whether they stand in the document."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import pytest

from repurchase.rulebook.figures import read_figure
from repurchase.rulebook.lint import check_source
from repurchase.rulebook.quotes import holds, says
from test_rulefile import BUYS, SAMPLE, changed, load

# It stays with its owner: beside the checkout of those who have it.
ANNOUNCEMENT: Final = Path(__file__).parents[2] / "shared" / "data" / "iij-2008.txt"


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("4,000 shares", "Up to 4,000 shares"),
        ("4,000 shares", "up to 4000 shares."),
        ("4,000 shares", "(4 000)"),
        ("4,000 shares", "4\u00a0000 shares"),
        ("4,000 shares", "4'000 Aktien"),
        ("4,000 shares", "\uff14\uff0c\uff10\uff10\uff10株"),
        ("4,000 shares", "4千株を上限とする"),
        ("4,000 shares", "no. 14,000: 4,000 shares"),
        ("4,000 shares", "4,000.0 shares"),
        ("4,000 shares", "up to\n4,000\nshares"),
        ("4,000 shares", "4,000, or less"),
        ("4,000,000 shares", "4.000.000 Aktien"),
        ("10,000,000 shares", "1,00,00,000 shares"),
        ("10,000,000 shares", "10 million shares"),
        ("10,000,000 shares", "1千万株"),
        ("0.5 shares", "0.5 shares"),
        ("JPY 400,000,000", "Up to JPY 400,000,000"),
        ("JPY 400,000,000", "¥400,000,000"),
        ("JPY 400,000,000", "400,000,000円(上限)"),
        ("JPY 400,000,000", "\uff14億円"),
        ("JPY 400,000,000", "JPY400 million"),
        ("JPY 400,000,000", "400,000,000"),
        ("USD 2.5", "US$2.50 a share"),
        ("25%", "not exceeding 25% of"),
        ("25%", "25.0 per cent"),
        ("25%", "\uff12\uff15\uff05"),
        ("1.94%", "Equivalent to 1.94% of"),
        ("2008-11-14", "From 2008-11-14 on"),
        ("2008-11-14", "From November 14, 2008"),
        ("2008-11-14", "NOV. 14 2008"),
        ("2008-11-14", "the 14th of November, 2008"),
        ("2008-11-14", "14 November 2008"),
        ("2008-11-14", "2008年11月14日から"),
        ("2008-11-14", "\uff12\uff10\uff10\uff18年\uff11\uff11月\uff11\uff14日"),
        ("2009-01-30", "to January 30, 2009 (*)"),
        ("09:30", "between 9:30 and 15:00"),
        ("15:00", "until 3:00 p.m."),
        ("400", "400 ADSs per 1 share"),
    ],
)
def test_words_say_the_figure(figure: str, words: str) -> None:
    """A figure is found by its value, however the source writes it."""
    assert says(words, read_figure(figure))


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("4,000 shares", "Up to 14,000 shares"),
        ("4,000 shares", "4,000.5 shares"),
        ("4,000 shares", "4,000,000 shares"),
        ("4,000 shares", "4,0000 shares"),
        ("4,000 shares", "14 000 shares"),
        ("4,000 shares", "4,000% of"),
        ("4,000 shares", "JPY 4,000"),
        ("4,000 shares", "4,000円"),
        ("4,000 shares", "A4,000"),
        ("4,000 shares", "-4,000 shares"),
        ("4,000 shares", "3-4,000"),
        ("4,000 shares", "4,000 million shares"),
        ("4,000 shares", "four thousand shares"),
        ("4 shares", "4千株"),
        ("4 shares", "4.000 shares"),
        ("4,000 shares", "1億4,000株"),
        ("14 shares", "From November 14, 2008"),
        ("2008 shares", "From November 14, 2008"),
        ("11 shares", "2008-11-14"),
        ("JPY 400,000,000", "USD 400,000,000"),
        ("JPY 400,000,000", "€400,000,000"),
        ("JPY 400,000,000", "4億5,000万円"),
        ("JPY 400,000,000", "JPY 400,000,000%"),
        ("25%", "25 shares"),
        ("25%", "125%"),
        ("25%", "0.25"),
        ("2009-01-03", "2009-01-30"),
        ("2009-01-03", "2009-01-3"),
        ("2008-11-14", "12008-11-14"),
        ("2008-11-14", "2008-11-145"),
        ("2008-11-14", "2008-11-14-02"),
        ("2008-11-14", "November 14, 20081"),
        ("2008-11-14", "Month 14, 2008"),
        ("2008-02-29", "February 30, 2008"),
        ("09:30", "19:30"),
        ("09:30", "9:30:15"),
        ("400", "1,400 ADSs"),
    ],
)
def test_words_do_not_say_the_figure(figure: str, words: str) -> None:
    """A figure is not found in part of another, nor as another kind of quantity."""
    assert not says(words, read_figure(figure))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Up to 4,000 shares", True),
        ("Up  to\n4,000shares", True),
        ("4,000", True),
        ("000 shares", False),
        ("Up to 4", False),
        ("p to 4,000", False),
        ("up to 4,000", False),
        ("Up to 4,000 share", False),
        ("14,000", True),
        ("四千", True),
        ("", False),
    ],
)
def test_words_stand_in_the_text(words: str, found: bool) -> None:
    """White space aside the words are there to the letter, and not inside longer ones."""
    assert holds("x 14,000, Up to\n 4,000\tshares 金四千円", words) == found


DOCUMENT: Final = (
    "Up to 4,000 shares (Equivalent to 1.94% of the common\nshares outstanding), Up to "
    "JPY 400,000,000, From November 14, 2008 to January 30, 2009, 206,478 shares, 0 shares, "
    "may include IIJ's American Depository Shares."
)


def pinned(document: str, text: str = SAMPLE) -> str:
    """Return the rule file *text* with the hash of *document*."""
    old = "16cc850002889cb03c68d8cd77443da627e339ce43713d277cdcaebc46b5a036"
    return text.replace(old, hashlib.sha256(document.encode()).hexdigest())


def told(text: str, document: str) -> list[str]:
    return [str(each) for each in check_source(load(text), "a.txt", document.encode())]


def test_document_that_bears_all_quotes_out_is_silent() -> None:
    """The pinned document with every quote in it leaves nothing to say."""
    assert told(pinned(DOCUMENT), DOCUMENT) == []


def test_document_with_another_hash_is_refused() -> None:
    """Another document is not searched; the pinned hashes are listed."""
    digest = hashlib.sha256(b"other").hexdigest()
    assert told(SAMPLE, "other") == [
        (
            f"a.txt: no source of the rule file has the SHA-256 of this document, {digest}; "
            "the sources are `announcement` "
            "16cc850002889cb03c68d8cd77443da627e339ce43713d277cdcaebc46b5a036"
        )
    ]


def test_document_of_a_source_without_a_hash_is_not_searched() -> None:
    """An address pins no document: what would is told, and not that all is well."""
    digest = hashlib.sha256(DOCUMENT.encode()).hexdigest()
    old = "sha256: 16cc850002889cb03c68d8cd77443da627e339ce43713d277cdcaebc46b5a036"
    (said,) = told(SAMPLE.replace(old, 'url: "https://example.com/1"'), DOCUMENT)
    assert f"no source of the rule file has the SHA-256 of this document, {digest}; " in said
    assert "write it as `sha256` of its source; no quote was searched" in said


def test_quote_that_is_not_in_the_document_is_told() -> None:
    """Quotes of terms, checks and rules are looked for, white space aside."""
    short = DOCUMENT.replace("4,000 shares", "14,000 shares").replace("Equiv", "equiv")
    short = short.replace("American Depository", "American Depositary")
    assert told(pinned(short), short) == [
        "iij.yaml:19:46: the quote `Up to 4,000 shares` is not in `announcement`",
        (
            "iij.yaml:28:12: the quote `Equivalent to 1.94% of the common shares outstanding` "
            "is not in `announcement`"
        ),
        (
            "iij.yaml:39:12: the quote `may include IIJ's American Depository Shares` "
            "is not in `announcement`"
        ),
    ]


def test_quote_of_another_source_is_not_looked_for() -> None:
    """Only quotes of this document must stand in it, and one that names none is told."""
    text = changed("sources:\n", "sources:\n  law: {title: The law}\n")
    text = text.replace(BUYS, f"{BUYS}\n    quote: own shares\n    source: law")
    text = text.replace('shares"}', 'shares", source: announcement}')
    assert told(pinned(DOCUMENT, text), DOCUMENT) == [
        f"iij.yaml:{place}: the quote names no source, so it was not searched; "
        "add `source`: one of `law`, `announcement`"
        for place in ("21:49", "22:41", "23:40", "29:12", "40:12")
    ]


def test_document_that_is_no_text_is_told() -> None:
    """A pinned document in another encoding cannot be searched."""
    data = b"\xff\xfe"
    text = SAMPLE.replace(
        "16cc850002889cb03c68d8cd77443da627e339ce43713d277cdcaebc46b5a036",
        hashlib.sha256(data).hexdigest(),
    )
    assert [str(each) for each in check_source(load(text), "a.txt", data)] == [
        "a.txt: the document is not UTF-8 text; convert it, since no quote was searched"
    ]


def test_announcement_of_2008_bears_the_sample_out() -> None:
    """The true document has the pinned hash and holds every quote of the sample."""
    if not ANNOUNCEMENT.exists():
        pytest.skip(f"the announcement, {ANNOUNCEMENT}, is its owner's and is not here")
    assert check_source(load(SAMPLE), "iij-2008.txt", ANNOUNCEMENT.read_bytes()) == ()
