"""What can be set of an API key."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from app.domain.limits import UNLIMITED, Limits, Role


@dataclass(frozen=True, slots=True)
class KeySettings:
    """What is set of a key, and may be set anew. `expires_at` is unix seconds."""

    name: str
    role: Role = "member"
    limits: Limits = UNLIMITED
    expires_at: float | None = None

    def changed(self, before: KeySettings) -> list[str]:
        """Name what is not as it was."""
        old, new = ({**asdict(each), **asdict(each.limits)} for each in (before, self))
        return sorted(name for name in new if name != "limits" and new[name] != old[name])
