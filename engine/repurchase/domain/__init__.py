"""The nouns: quantities, formats, calendars, events, decisions, terms and errors."""
