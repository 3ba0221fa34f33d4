"""Sessions of venues from tables, and facts from files of bars, trades, quotes and the issuer.

`make sessions` writes the tables from exchange_calendars and `corrections.csv`.
"""
