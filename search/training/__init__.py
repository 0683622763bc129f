"""Segments: lanes trained from one rung to the next, in whatever process.

Imports `engines`, `networks`, `metrics`, `data.fold_arrays` and what these stand on. A `Segment`
and the data go in, a `LaneReport` a lane comes out. Nothing is exported here: training processes
load what they need.
"""
