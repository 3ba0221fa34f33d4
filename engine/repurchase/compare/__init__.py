"""What an edit of a rule file changes: in a log, in all histories, in its cases."""
