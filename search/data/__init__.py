"""Tables as people bring them, turned into the arrays that networks are trained on.

Imports `study` and `errors`. A file goes in, a `Dataset` comes out, then `TrainingData` a split.
Nothing is exported here: training processes import `fold_arrays` without loading pandas.
"""
