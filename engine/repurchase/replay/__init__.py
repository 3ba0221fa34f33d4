"""A whole log judged, by one rule file or by two."""
