"""Rule files: YAML text to an authorization and its cases, with a place for every message."""
