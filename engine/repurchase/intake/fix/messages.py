"""FIX messages in a log: found in its bytes, verified by length and checksum, split into fields.

A log may write a line before each message, several messages on one line, or one message on several
lines. Fields end with SOH, or with the `|` or `^A` that logs write for it. Length and checksum are
verified over the bytes with SOH put back, so a message that is read is the message that was sent.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, Final

import msgspec

from repurchase.domain.errors import Wrong, short

VERSIONS: Final = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
MESSAGE_BYTES_MAX: Final = 1 << 16
_READ_BYTES: Final = 1 << 18
_HEAD_BYTES: Final = 64
_SOH: Final = b"\x01"
_CUT: Final = "the log seems to be truncated or damaged here"

# What shows that a file is a FIX log, after whatever a log writes before a message.
IN_FIRST_LINE: Final = re.compile(rb"(?<![0-9])8=FIXT?\.[0-9]\.[0-9](?:\x01|\||\^A)9=")
_START: Final = re.compile(rb"(?<![0-9])8=FIX")
_HEAD: Final = re.compile(rb"8=(FIX[^\x01|^]{0,12})(\x01|\||\^A)9=([0-9]{1,6})\2")
_SEPARATOR: Final = re.compile(rb"8=FIX[^\x01|^]{0,12}(\x01|\||\^A)")
_TRAILER: Final = re.compile(rb"\x0110=([0-9]{3})(?![0-9])")
_BREAKS: Final = re.compile(rb"[\r\n]+")
_NUMBERED: Final = re.compile(rb"\x0134=([0-9]{1,18})\x01")
# A field outside of all messages is left of a message whose start is damaged.
_STRAY: Final = re.compile(rb"(?:\x01|\||\^A)[0-9]{1,5}=")
# What is left of a message whose first bytes end the log.
_BEGUN: Final = re.compile(rb"(?<![0-9])8=F?I?\s*\Z")
# A field that gives the length of the data field after it, which may contain separators.
_LENGTHS: Final = frozenset(
    (
        "90",
        "93",
        "95",
        "212",
        "348",
        "350",
        "352",
        "354",
        "356",
        "358",
        "360",
        "362",
        "364",
        "445",
        "618",
        "621",
        "1184",
        "1277",
        "1280",
        "1282",
        "1397",
        "1401",
        "1403",
        "1468",
        "1525",
    )
)


class Message(msgspec.Struct, frozen=True, gc=False):
    """A verified message: its fields by tag, its *raw* bytes, and the number of its first line.

    *pairs* are the tag and text of each field, in their order. *repeated* holds the tags that
    occur more than once, whose value in *fields* is the last.
    """

    line: int
    version: str
    fields: dict[str, str]
    pairs: list[list[str]]
    repeated: frozenset[str]
    raw: bytes

    @property
    def number(self) -> str:
        """Return its sequence number, as it is written."""
        return self.fields.get("34", "?")


class Bad(msgspec.Struct, frozen=True, gc=False):
    """Bytes that are no message that can be trusted, what is *wrong*, and the sequence *number*."""

    line: int
    wrong: Wrong
    raw: bytes
    number: str = "?"


class Messages:
    """An iterator over the messages of *stream*, of which *first* was read before.

    *bytes_read* counts the bytes read so far. No more than a few hundred kilobytes are held.
    """

    bytes_read: int

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._stream = stream
        self._held = first
        self._at = 0
        self._line = 1
        self._is_ended = False
        self.bytes_read = len(first)

    def __iter__(self) -> Iterator[Message | Bad]:
        while True:
            self._fill()
            found = _START.search(self._held, self._at)
            # The last bytes may be the beginning of a start, unless nothing follows them.
            end = len(self._held) if self._is_ended else max(self._at, len(self._held) - 16)
            stop = found.start() if found else end
            stray = _STRAY.search(self._held, self._at, stop)
            if stray is None and found is None and self._is_ended:
                stray = _BEGUN.search(self._held, self._at)
            line = self._line
            if stray:
                line += self._held.count(b"\n", self._at, stray.start())
                raw = self._held[self._at : stop].strip()
                yield Bad(line, Wrong("fields without the start of a message, `8=FIX`", _CUT), raw)
            self._pass(stop)
            if found:
                self._fill()
                yield self._message()
            elif self._is_ended:
                return

    def _fill(self) -> None:
        """Read until the longest message fits into what is held, or the stream ends."""
        if self._is_ended or len(self._held) - self._at > MESSAGE_BYTES_MAX:
            return
        parts = [self._held[self._at :]]
        self._at, missing = 0, _READ_BYTES
        while missing > 0 and not self._is_ended:
            part = self._stream.read(missing)
            self._is_ended = not part
            self.bytes_read += len(part)
            missing -= len(part)
            parts.append(part)
        self._held = b"".join(parts)

    def _pass(self, end: int) -> None:
        self._line += self._held.count(b"\n", self._at, end)
        self._at = end

    def _message(self) -> Message | Bad:
        """Return the message that begins here, and go on to its end."""
        start, line = self._at, self._line
        head = _HEAD.match(self._held, start)
        if head and len(head[2]) == 1:
            end = head.end() + int(head[3])
            raw = self._held[start : end + (7 if self._held[end + 6 : end + 7] == head[2] else 6)]
            # Most messages: those that stand on one line, or that count their line breaks.
            if end - start <= MESSAGE_BYTES_MAX and _is_whole(
                framed := raw.replace(head[2], _SOH), end - start
            ):
                self._pass(start + len(raw))
                return _parsed(line, framed, raw)
        following = _START.search(self._held, start + 5)
        stop = following.start() if following else len(self._held)
        region = self._held[start : min(stop, start + MESSAGE_BYTES_MAX)]
        found, size = _unwrapped(line, region)
        self._pass(start + size)
        return found


def _is_whole(framed: bytes, end: int) -> bool:
    """Return whether the message *framed* has its trailer at *end*, with the right checksum."""
    trailer = _TRAILER.match(framed, end - 1)
    return trailer is not None and sum(framed[:end]) & 255 == int(trailer[1])


def _unwrapped(line: int, region: bytes) -> tuple[Message | Bad, int]:
    """Return the message at the start of *region*, and how many of its bytes that takes.

    The separator may have two characters, and there may be line breaks that it does not count.
    """
    found = _SEPARATOR.match(_BREAKS.sub(b"", region[:_HEAD_BYTES]))
    separator = found[1] if found else _SOH
    for breaks in (b"\n", b""):

        def converted(part: bytes, breaks: bytes = breaks) -> bytes:
            part = part if breaks else _BREAKS.sub(b"", part)
            return part.replace(separator, _SOH)

        framed = converted(region)
        head = _HEAD.match(framed)
        end = head.end() + int(head[3]) if head else 0
        if head and _is_whole(framed, end):
            end += 7 if framed[end + 6 : end + 7] == _SOH else 6
            sizes = range(len(region) + 1)
            size = bisect_left(sizes, end, key=lambda at: len(converted(region[:at])))
            return _parsed(line, framed[:end], region[:size]), size
    return _bad(line, region, separator)


def _bad(line: int, region: bytes, separator: bytes) -> tuple[Bad, int]:
    """Return why no message can be read at the start of *region*, and how far to go on."""
    framed = _BREAKS.sub(b"", region).replace(separator, _SOH)
    head, trailer = _HEAD.match(framed), _TRAILER.search(framed)
    numbered = _NUMBERED.search(framed)
    # A message without an end goes on to the end of its line.
    place = (re.compile(rb"10=[0-9]{3}(?![0-9])") if trailer else _BREAKS).search(region)
    size = len(region)
    if place is not None:
        size = place.end() if trailer else place.start()
        size += len(separator) if region.startswith(separator, size) else 0
    if head is None:
        wrong = Wrong("its second field is not BodyLength (9)", _CUT)
    elif trailer is None:
        wrong = Wrong("it ends without CheckSum (10)", _CUT)
    else:
        stated, length = int(head[3]), trailer.start() + 1 - head.end()
        wrong = Wrong(f"BodyLength (9) is {stated}, but the body has {length} bytes", _CUT)
        if stated == length:
            checksum = f"{sum(framed[: trailer.start() + 1]) & 255:03d}"
            what = f"CheckSum (10) is {trailer[1].decode()}, but its bytes give {checksum}"
            wrong = Wrong(what, _CUT)
    number = numbered[1].decode() if numbered else "?"
    return Bad(line, wrong, region[:size], number), size


def _parsed(line: int, framed: bytes, raw: bytes) -> Message | Bad:
    """Return the fields of the verified message *framed*."""
    texts = framed.decode("latin-1").rstrip("\x01\r\n").split("\x01")
    pairs = [text.split("=", 1) for text in texts]
    try:
        fields: dict[str, str] = dict(pairs)
    except ValueError:
        what = "a field has no `=`: a text seems to contain the separator"
        return Bad(line, Wrong(what, "save the log with SOH between the fields"), raw)
    repeated: frozenset[str] = frozenset()
    if len(fields) < len(pairs):
        tags = [tag for tag, _ in pairs]
        repeated = frozenset(tag for tag in fields if tags.count(tag) > 1)
    if not _LENGTHS.isdisjoint(fields) and (wrong := _wrong_data(pairs)):
        return Bad(line, wrong, raw, fields.get("34", "?"))
    version = fields["8"]
    if version not in VERSIONS:
        what = f"BeginString (8) is `{short(version)}`, which is not read"
        wrong = Wrong(what, f"messages of {', '.join(VERSIONS)} are")
        return Bad(line, wrong, raw, fields.get("34", "?"))
    return Message(line, version, fields, pairs, repeated, raw)


def _wrong_data(pairs: list[list[str]]) -> Wrong | None:
    """Return what is wrong if a data field has another length than the field before it states."""
    for (tag, text), (data, content) in pairwise(pairs):
        if tag in _LENGTHS and text != str(len(content)):
            stated = f"{tag} states {short(text)}"
            what = f"the data field {short(data)} has {len(content)} bytes, but {stated}"
            return Wrong(what, "data that contain the separator are not read")
    return None
