"""What the settings mean: the catalogue, the providers, the networks, the data folder; or why not to start."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.domain import catalogue
from app.domain.catalogue import LOCAL
from app.domain.errors import GatewayError
from app.domain.verbatim import verbatim_model
from app.media.network import NetworkPolicy
from app.providers.aimlapi.adapter import AimlApiProvider
from app.providers.fal.adapter import FalProvider
from app.providers.local.adapter import LocalProvider
from app.providers.xai.adapter import XaiProvider
from app.services.links import load_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from app.config import Settings
    from app.domain.catalogue import Catalogue
    from app.providers.base import Provider
    from app.services.links import Links

_KEYS = {"fal": "FAL_KEY", "aimlapi": "AIMLAPI_KEY", "xai": "XAI_API_KEY"}


class StartupError(Exception):
    """The gateway must not start; the message says what the operator can do."""


class BusyError(StartupError):
    """Another process has the data folder."""


def load_catalogue(settings: Settings) -> Catalogue:
    """Read the catalogue and the operator's additions.

    Raises StartupError naming file and line of a mistake, or a default model that does not exist.
    """
    known = _read_catalogue(settings)
    try:
        known.find(settings.default_model)
    except GatewayError as error:
        if verbatim_model(settings.default_model) is None:
            raise StartupError(f"REELGATE_DEFAULT_MODEL: {error.message}") from error
    return known


def _read_catalogue(settings: Settings) -> Catalogue:
    if settings.catalogue is None:
        return catalogue.builtin()
    try:
        return catalogue.load(settings.catalogue.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StartupError(f"REELGATE_CATALOGUE {settings.catalogue}: {error}") from error


def build_providers(settings: Settings, models: Catalogue, scratch: Path) -> dict[str, Provider]:
    """Build the providers that are configured, in order of preference; with no key at all, the local one."""
    fal, aiml, xai = settings.fal_key, settings.aimlapi_key, settings.xai_api_key
    known: dict[str, Callable[[], Provider] | None] = {
        "fal": (lambda: _fal(fal, settings, models)) if fal else None,
        "aimlapi": (lambda: AimlApiProvider(aiml, url=settings.aimlapi_url)) if aiml else None,
        "xai": (lambda: XaiProvider(xai, url=settings.xai_url)) if xai else None,
        LOCAL: lambda: LocalProvider(scratch),
    }
    wanted = settings.providers or tuple(name for name in known if known[name] and name != LOCAL) or (LOCAL,)
    return {name: _build(known, name) for name in wanted}


def _fal(key: str, settings: Settings, models: Catalogue) -> FalProvider:
    modes = [
        spec
        for model in models.models.values()
        if "fal" in model.offerings
        for spec in model.offerings["fal"].modes.values()
    ]
    return FalProvider(
        key,
        queue_url=settings.fal_queue_url,
        rest_url=settings.fal_rest_url,
        api_url=settings.fal_api_url,
        unit_prices={spec.endpoint: spec.price.unit for spec in modes if spec.price and spec.price.unit},
    )


def _build(known: Mapping[str, Callable[[], Provider] | None], name: str) -> Provider:
    if name not in known:
        raise StartupError(f"REELGATE_PROVIDERS names {name!r}; this version has: {', '.join(known)}.")
    build = known[name]
    if build is None:
        raise StartupError(f"REELGATE_PROVIDERS names {name!r}, which has no key: set {_KEYS[name]}.")
    return build()


def download_policy(settings: Settings) -> NetworkPolicy:
    """Results come from public hosts, or from the host of a provider that the operator himself put elsewhere."""
    urls = (settings.fal_queue_url, settings.aimlapi_url, settings.xai_url)
    own = [host for host in (urlsplit(url).hostname for url in urls if url.startswith("http://")) if host]
    return network_policy(",".join([settings.allow_private_networks, *own]).strip(","))


def network_policy(text: str) -> NetworkPolicy:
    """Read REELGATE_ALLOW_PRIVATE_NETWORKS. Raises StartupError naming a malformed entry."""
    try:
        return NetworkPolicy.parse(text)
    except ValueError as error:
        raise StartupError(f"REELGATE_ALLOW_PRIVATE_NETWORKS: {error}.") from error


def database_url(settings: Settings) -> str:
    """Return where the database is."""
    return f"sqlite+aiosqlite:///{settings.data_dir.absolute() / 'reelgate.sqlite3'}"


def check_access(settings: Settings, *, guarded: bool) -> None:
    """Raise StartupError where everybody could come in and nobody has allowed that."""
    if settings.auth == "on" and not guarded and not settings.loopback:
        raise StartupError(
            f"{settings.host} can be reached from other machines, and there is no API key. Make one with "
            "`reelgate keys create NAME --admin`, or set REELGATE_ADMIN_KEY, or REELGATE_AUTH=off to let everyone in."
        )


@contextmanager
def lock(settings: Settings) -> Iterator[None]:
    """Make the data folder and hold it alone: SQLite has one writer.

    Raises StartupError when the folder cannot be used, BusyError when another process has it.
    """
    path = settings.lock_file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")  # what the holder says in it must stay
    except OSError as error:
        raise StartupError(
            f"The data folder {path.parent} cannot be used: {error.strerror}. Choose another by REELGATE_DATA_DIR."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(f"Another gateway is using the data folder {path.parent}.") from None
        file.truncate(0)
        try:
            yield
        finally:
            file.truncate(0)


def link_secret(data_dir: Path) -> bytes:
    """Read or make the secret that signs links. Raises StartupError for a damaged one."""
    try:
        return load_secret(data_dir)
    except ValueError as error:
        raise StartupError(f"{error}.") from error


def input_links(public_url: str | None, links: Links) -> Callable[[str], str] | None:
    """Where we can be reached, say how the key of an input becomes an address."""
    if public_url is None:
        return None

    def link(key: str) -> str:
        _, video_id, index = key.split("/")
        return f"{public_url}/v1/inputs/{video_id}/{index}?{links.input_query(video_id, int(index))}"

    return link
