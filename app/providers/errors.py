"""What adapters raise, for the engine.

ProviderError           the root
├─ Transient            try again later, nothing was accepted: it is out of order, or only busy
│  └─ Unsent            it never left
├─ Rejected             final: the user's input
├─ Unfit                not for this provider: the request is over a limit that another may not have
├─ Misconfigured        the operator's fault (key, balance)
└─ Indeterminate        the submit's outcome is unknown: it may have been paid
"""

from __future__ import annotations


class ProviderError(Exception):
    """The root of what an adapter raises. `busy`: the provider works, and has too much to do just now.

    The message may be shown to clients. `said` is what the provider said of the operator's account, for the log alone.
    """

    busy: bool = False
    said: str = ""


class Transient(ProviderError):
    """Nothing was accepted; try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 5.0, *, busy: bool = False, said: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.busy = busy
        self.said = said


class Unsent(Transient):
    """It never left: no connection could be made."""


class Rejected(ProviderError):
    """The provider refused the request for good; `code` is one of `domain.jobs.FAILURES`.

    `cost` is what it charged all the same, in micro-dollars.
    """

    def __init__(self, message: str, code: str = "invalid_input", cost: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.cost = cost


class Unfit(ProviderError):
    """Not for this provider: it cannot take the request as it is, and another may be able to."""

    code = "invalid_input"


class Misconfigured(ProviderError):
    """The operator must act: a wrong key, no balance, no such model. `code` is one of `domain.jobs.FAILURES`."""

    def __init__(self, message: str, code: str = "provider_error", *, said: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.said = said


class Indeterminate(ProviderError):
    """No one knows whether the submit was accepted."""

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.busy = busy
