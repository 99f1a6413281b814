"""Bad input, and what is only suspicious."""


class InputError(ValueError):
    """Something the user gave is wrong; the message is one clear line with the cure."""


class DataError(InputError):
    """A data set breaks the contract, or is not what its labels say."""


class DataWarning(UserWarning):
    """A data set may not be what its labels say, or was converted."""
