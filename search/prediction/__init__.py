"""What a trained network says of new rows: read as its training was, chunk by chunk, by NumPy.

Imports `networks`, `activations`, `data` and `study`. An archive and rows go in, predictions come
out. Loads neither torch nor scikit-learn, so that a process that only predicts starts at once.
"""
