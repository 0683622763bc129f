"""Segments: lanes trained from one rung to the next, in this process or another.

Imports `engines`, `networks`, `metrics` and `data.fold_arrays`. A `Segment` and the data go in, one
`LaneReport` a lane comes out. Nothing is exported here: training processes load what they need.
"""
