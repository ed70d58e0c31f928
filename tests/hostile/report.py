"""The report of what was sent and what was answered, printed after the tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """Rows in the order in which they came; a row that came more than once is counted."""

    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, sent: str, answer: str, status: int | str) -> None:
        self.rows[sent, answer, str(status)] += 1

    def lines(self) -> list[str]:
        width = min(60, max((len(sent) for sent, _, _ in self.rows), default=0))
        return [
            f"{sent[:width]:<{width}}  {status:>5}  {answer}" + (f"  ({count} times)" if count > 1 else "")
            for (sent, answer, status), count in self.rows.items()
        ]


REPORT = Report()
