"""Sessions of venues from dated tables, and lookups over bars, trades and quotes passed in.

The tables are written by `make sessions`, from exchange_calendars and `corrections.csv`.
"""
