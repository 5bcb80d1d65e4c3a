"""Static files, named by their content so that a browser may keep them for ever — RFC 8246."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file in memory: ``url`` carries a hash of ``content``; ``packed`` is the same in gzip."""

    url: str
    content: bytes
    media_type: str
    packed: bytes


class StaticFiles:
    """All files of a folder, read once at start (they are few and small)."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._by_name: dict[str, StaticFile] = {}
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            content = path.read_bytes()
            fingerprint = hashlib.sha256(content).hexdigest()[:12]
            media_type = _TYPES.get(path.suffix) or (
                mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            )
            url = f"/static/{path.stem}.{fingerprint}{path.suffix}"
            self._by_name[path.name] = StaticFile(
                url, content, media_type, gzip.compress(content, mtime=0)
            )
        self._by_url = {file.url: file for file in self._by_name.values()}

    def url(self, name: str) -> str:
        """Where ``name`` is served; raises KeyError for a file that does not exist."""
        return self._by_name[name].url

    def at(self, url: str) -> StaticFile | None:
        return self._by_url.get(url)
