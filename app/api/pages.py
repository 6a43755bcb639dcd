"""/docs: the API's own pages, with nothing fetched from elsewhere (fastapi-offline carries Swagger UI's files)."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

_FILES = "/docs/files"


@router.api_route("/docs", methods=["GET", "HEAD"])
async def docs() -> HTMLResponse:
    """Show the API and let people try it."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Reelgate API",
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_FILES}/favicon.png",
    )


def install(app: FastAPI) -> None:
    """Add the pages and the files they load."""
    app.include_router(router)
    app.mount(_FILES, StaticFiles(directory=str(resources.files("fastapi_offline") / "static")))
