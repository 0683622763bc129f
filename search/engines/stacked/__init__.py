"""The engine of torch: lanes stacked on dimension 0, on any device.

Imports the parent package's modules and `networks`. A `Training` goes in, an `Engine` comes out.
"""
