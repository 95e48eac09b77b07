"""The error tree.

    UnderstudyError
    ├── InvalidInput       what was sent cannot be used
    │   └── TooLarge       it is larger than the limit
    ├── Unauthorized       no valid credentials
    ├── Forbidden          valid credentials, not allowed
    ├── NotFound           no such thing, or not for this caller
    ├── Conflict           the thing is in a state that does not allow it
    ├── Unavailable        a part that is needed does not answer; trying again may help
    │   └── StorageFull    no room left to write
    └── Defect             our own mistake

Every error has a stable `code` for programs, a `detail` sentence for the person, and a `next_step` that says
what to do. Only the gateway knows HTTP statuses, only the command knows exit codes.
"""


class UnderstudyError(Exception):
    """Base of all errors that a person may see. `transient` says whether trying again can help."""

    transient = False

    def __init__(self, code: str, detail: str, *, next_step: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.detail} {self.next_step}".strip()


class InvalidInput(UnderstudyError):
    """What was sent cannot be used as it is."""


class TooLarge(InvalidInput):
    """What was sent is larger than the limit."""


class Unauthorized(UnderstudyError):
    """No valid credentials came with the call."""


class Forbidden(UnderstudyError):
    """The caller is known and may not do this."""


class NotFound(UnderstudyError):
    """There is no such thing, or the caller may not know of it."""


class Conflict(UnderstudyError):
    """The thing exists already, or is in a state that does not allow the call."""


class Unavailable(UnderstudyError):
    """A part that is needed does not answer now."""

    transient = True


class StorageFull(Unavailable):
    """There is no room left to write."""


class Defect(UnderstudyError):
    """Something happened that this program holds to be impossible."""
