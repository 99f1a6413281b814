"""climgru: climate emulation from forcings to monthly maps; the library under the notebook course."""

__version__ = "0.1.0"
