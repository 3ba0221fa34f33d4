"""What the service counts and measures, in the text format of Prometheus.

One thread adds to it. Times are whole nanoseconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECOND: Final = 10**9
# The upper ends of the ranges, of times in nanoseconds and as seconds.
_TIMES: Final = {
    int(Fraction(text) * _SECOND): text
    for text in [
        "0.0005",
        "0.001",
        "0.0025",
        "0.005",
        "0.01",
        "0.025",
        "0.05",
        "0.1",
        "0.25",
        "0.5",
        "1",
        "2.5",
        "10",
    ]
}
_SIZES: Final = {size: str(size) for size in (1, 2, 4, 8, 16, 32, 64, 128, 256)}
_HELP: Final[Mapping[str, tuple[str, str]]] = {
    "repurchase_requests_total": ("counter", "Requests by route, method and status."),
    "repurchase_problems_total": ("counter", "Requests without an answer, by code."),
    "repurchase_decisions_total": ("counter", "Decisions by program, kind and outcome."),
    "repurchase_findings_total": ("counter", "Rules that failed or were undecided, by result."),
    "repurchase_stage_seconds": (
        "histogram",
        "Time of a submission by stage: http is all of it, then queue, lock, judge and journal.",
    ),
    "repurchase_request_seconds": ("histogram", "Time of a request by route."),
    "repurchase_group_events": ("histogram", "Events that shared a commit."),
    "repurchase_waiting_events": ("gauge", "Events that wait for the writer."),
    "repurchase_recording_events": ("gauge", "Events in the commit that is under way."),
    "repurchase_streams": ("gauge", "Open streams of decisions."),
    "repurchase_used_ratio": ("gauge", "Executed and reserved, as a part of the cap."),
    "repurchase_halts": ("gauge", "Causes that halt the program."),
    "repurchase_rule_files_with_faults": ("gauge", "Rule files that cannot be read as they are."),
    "repurchase_days_left": ("gauge", "Days until the last day of the window."),
}

Labels = tuple[tuple[str, str], ...]
# The name of a gauge, its labels, and its value as text.
Gauge = tuple[str, Labels, str]


class _Histogram:
    """How many values were within each range, and their sum."""

    def __init__(self, ends: Mapping[int, str]) -> None:
        self._ends = tuple(ends)
        self._said = tuple(ends.values())
        self._counts = [0] * (len(ends) + 1)
        self._sum = 0

    def add(self, value: int) -> None:
        """Count *value*."""
        self._counts[bisect_left(self._ends, value)] += 1
        self._sum += value

    def lines(self, name: str, labels: Labels, *, of_times: bool) -> Iterator[str]:
        """Yield the lines of this histogram, called *name*."""
        total = 0
        for end, count in zip((*self._said, "+Inf"), self._counts, strict=True):
            total += count
            yield _line(f"{name}_bucket", (*labels, ("le", end)), str(total))
        yield _line(f"{name}_sum", labels, seconds(self._sum) if of_times else str(self._sum))
        yield _line(f"{name}_count", labels, str(total))


class Measures:
    """The counters and histograms of one service."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter[Labels]] = {}
        self._times: dict[tuple[str, Labels], _Histogram] = {}
        self._groups = _Histogram(_SIZES)

    def count(self, name: str, **labels: str) -> None:
        """Add one to the counter *name* with *labels*."""
        self._counters.setdefault(name, Counter())[tuple(labels.items())] += 1

    def time(self, name: str, nanoseconds: int, **labels: str) -> None:
        """Count a time in the histogram *name* with *labels*."""
        key = name, tuple(labels.items())
        if key not in self._times:
            self._times[key] = _Histogram(_TIMES)
        self._times[key].add(nanoseconds)

    def group(self, size: int) -> None:
        """Count a commit of *size* events."""
        self._groups.add(size)

    def text(self, gauges: Iterable[Gauge]) -> str:
        """Return everything that was counted, and the *gauges*, as Prometheus reads it."""
        lines: dict[str, list[str]] = {name: [] for name in _HELP}
        for name, counts in self._counters.items():
            lines[name] += (_line(name, labels, str(value)) for labels, value in counts.items())
        for (name, labels), times in self._times.items():
            lines[name] += times.lines(name, labels, of_times=True)
        lines["repurchase_group_events"] += self._groups.lines(
            "repurchase_group_events", (), of_times=False
        )
        for name, labels, value in gauges:
            lines[name].append(_line(name, labels, value))
        return "".join(f"{line}\n" for name, found in lines.items() for line in _said(name, found))


def seconds(nanoseconds: int) -> str:
    """Return *nanoseconds* in seconds, exactly."""
    whole, part = divmod(nanoseconds, _SECOND)
    return f"{whole}.{part:09}"


def _said(name: str, lines: list[str]) -> Iterator[str]:
    if lines:
        kind, says = _HELP[name]
        yield f"# HELP {name} {says}"
        yield f"# TYPE {name} {kind}"
        yield from lines


def _line(name: str, labels: Labels, value: str) -> str:
    inner = ",".join(f'{one}="{_escaped(text)}"' for one, text in labels)
    return f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
