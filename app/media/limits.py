"""What a process that opens strangers' files may use. Applied inside the child, before it touches the file."""

from __future__ import annotations

import resource
from contextlib import suppress

CPU_SECONDS = 40  # two decoding threads for as long as the parent waits
_LIMITS = (
    (resource.RLIMIT_AS, 1536 << 20),  # bytes; a 50 megapixel picture or a 4096 px video decodes well below it
    (resource.RLIMIT_FSIZE, 256 << 20),  # bytes of any one file that it writes
    (resource.RLIMIT_CORE, 0),  # a crash on a hostile file is expected: nothing to keep
)


def limit_resources(cpu_seconds: int = CPU_SECONDS) -> None:
    """Cap this process's memory, processor time and files; beyond them it fails or the kernel kills it."""
    for kind, limit in (*_LIMITS, (resource.RLIMIT_CPU, cpu_seconds)):
        with suppress(ValueError, OSError):  # already lower, or (macOS) not supported
            resource.setrlimit(kind, (limit, limit))
