"""A proxy before a gateway that loses answers (what was sent has arrived, and nobody is told), or gives its own."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cutting:
    """Passes bytes on, and cuts off the answers to the first `times` requests that begin with `line`.

    With `instead`, these do not get as far as the gateway, and that is their answer.
    """

    def __init__(self, url: str, line: bytes, times: int, instead: bytes) -> None:
        self.url = ""
        self.cut = 0
        self._line, self._times, self._instead = line, times, instead
        address = urlsplit(url)
        self._gateway = (address.hostname or "", address.port or 0)

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        losing = threading.Event()
        with client, socket.create_connection(self._gateway) as gateway, suppress(OSError):
            threading.Thread(target=self._ask, args=(client, gateway, losing), daemon=True).start()
            while answer := gateway.recv(1 << 16):
                if losing.is_set():
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(answer)

    def _ask(self, client: socket.socket, gateway: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while request := client.recv(1 << 16):
                if request.startswith(self._line) and self.cut < self._times:
                    self.cut += 1
                    if self._instead:
                        client.sendall(self._instead)
                        continue
                    losing.set()
                gateway.sendall(request)
            gateway.shutdown(socket.SHUT_WR)


@contextmanager
def cutting(url: str, line: bytes, *, times: int, instead: bytes = b"") -> Iterator[Cutting]:
    """Stand before the gateway at a URL until the block ends."""
    proxy = Cutting(url, line, times, instead)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=proxy.serve, args=(listener,), daemon=True).start()
        yield proxy
