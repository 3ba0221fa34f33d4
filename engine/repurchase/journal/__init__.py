"""The append-only record of programs: what was asked, what was answered, by which rules."""
