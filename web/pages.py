"""The pages themselves, as the limits API serves them: files that hold nothing of the platform, and ask the API with the token of
who has signed in.

Invariant: no file tells anything about the platform, so that it is served without a token; a page loads, runs and sends nothing
but from and to the place that it came from, and stands in no frame.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter, Response

from meridian import markup

router = APIRouter(include_in_schema=False)
FOLDER = Path(__file__).with_name("files")
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
PLACES = {"/breaks": "breaks.html", "/pages/breaks.css": "breaks.css", "/pages/breaks.js": "breaks.js"}
"""Path → file. Nothing else of the folder is served."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@cache
def content(name: str) -> str:
    """A file; a sheet of styles begins with the look that all pages share."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return markup.STYLE + text if name.endswith(".css") else text


def _serve(path: str, name: str) -> None:
    @router.get(path)
    async def file() -> Response:
        return Response(content(name), media_type=KINDS[Path(name).suffix], headers=HEADERS)


for _path, _name in PLACES.items():
    _serve(_path, _name)
