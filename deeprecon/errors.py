"""The one exception that a user of bad input meets."""


class InputError(ValueError):
    """A file, table or setting is not what the stage needs.

    The message is one line that names the file (or setting), the row or key, what was found and
    what was expected. The workflow's scripts print it without a traceback.
    """
