"""What the service bears: kills, a held database, hostile tables, load, cases without end, clocks.

`make torture` prints the table of `rows.py`; `QUICK=1` takes five minutes.
"""
