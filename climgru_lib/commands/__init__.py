"""The commands of `climgru`, a file for each group: its arguments, and the library called in order.

A request for help imports these files alone; what takes time to import is imported where it is used, after the cheap
checks.
"""
