"""The tests of a rule author: cases, and the mutants of a file that they should kill."""
