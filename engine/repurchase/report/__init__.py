"""What people read of decisions: JSON for programs, tables and bars for a terminal.

Text from files and events is shown as plain text: never as markup, control characters escaped.
"""
