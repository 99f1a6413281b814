"""Data that lie and data that do not: what is refused, what is told, what is accepted.

``python -m robustness`` from ``tests/`` prints the table; `test_bad_data.py` holds a subset.
"""
