"""Rule files: from YAML text to an authorization and its cases; each message has a place."""
