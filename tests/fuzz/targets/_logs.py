"""What a server logs about the request that it could not answer."""

from __future__ import annotations

import logging


class Logged(logging.Handler):
    """Keeps the exception that was logged last, and lets no log out."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._last: BaseException | None = None
        logging.getLogger().handlers = [self]

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's exception."""
        if record.exc_info:
            self._last = record.exc_info[1]

    def forget(self) -> None:
        """Forget what was logged of an earlier request."""
        self._last = None

    def refuse(self, said: object) -> None:
        """Raise because of an answer, from the exception that was its cause."""
        last, self._last = self._last, None
        raise AssertionError(said) from last
