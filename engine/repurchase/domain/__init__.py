"""The data types: quantities, formats, calendars, events, decisions, terms and errors."""
