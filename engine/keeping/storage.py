"""An object storage that speaks S3, as a keeper needs it: make an object that is not there, read one, list names.

Invariant: an object is never replaced: it is made by a conditional put (`If-None-Match: *`, RFC 9110, section 13.1.2; S3,
"Conditional writes") or not at all. Nothing leaves this host unencrypted, and no key stands in an error or a log.
"""

from __future__ import annotations

import configparser
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from meridian.console import BadInput, cut
from meridian.coordination.verbs import leaves_in_plain

__all__ = ["Away", "Place", "Storage", "connect"]

URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/[A-Za-z0-9_.=/-]+)?")
SECONDS_MAX = 30.0
"""One request takes at most."""
CONNECT_SECONDS_MAX = 5.0
REGION = "us-east-1"
"""Where nothing is said; servers other than Amazon's mostly ignore it."""
ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
KEYS = ("aws_access_key_id", "aws_secret_access_key")


class Away(Exception):
    """The storage did not do what was asked, now: whoever asked tries again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where objects are put: `s3://BUCKET/PREFIX`."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, text: str) -> Place:
        """Raises BadInput."""
        found = URL.fullmatch(text.rstrip("/"))
        if found is None or "//" in (found[2] or "") or ".." in text:
            raise BadInput(f"{cut(text)}: must be s3://BUCKET/PREFIX, of letters, digits, _ . = - and /.")
        return cls(bucket=found[1], prefix=(found[2] or "").strip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def below(self, *parts: str) -> Place:
        """A place in this place."""
        return Place(bucket=self.bucket, prefix="/".join([*([self.prefix] if self.prefix else []), *parts]))


def credentials(path: Path | None) -> tuple[str, str]:
    """Key and secret: of a file as Amazon's tools write it (section `default`), which its owner alone may read, or of the
    environment. Raises BadInput; neither stands in the sentence."""
    if path is None:
        key, secret = (os.environ.get(name, "") for name in ENVIRONMENT)
        if not key or not secret:
            raise BadInput(f"credentials: are missing; allowed is a file (mode 600), or {' and '.join(ENVIRONMENT)}.")
        return key, secret
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(65_536)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise BadInput(f"credentials = {path}: {why}; allowed is a file with {' and '.join(KEYS)}.") from None
    if mode & 0o077:
        raise BadInput(f"credentials = {path}: mode {mode:o}; allowed is mode 600 (chmod 600).")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        found = parser["default"]
        return found[KEYS[0]], found[KEYS[1]]
    except (configparser.Error, KeyError):
        raise BadInput(f"credentials = {path}: allowed is a section [default] with {' and '.join(KEYS)}.") from None


def problems(to: str, endpoint: str | None) -> list[str]:
    """What is wrong with where to put things, a sentence each."""
    wrong = []
    try:
        Place.of(to)
    except BadInput as error:
        wrong += [f"to = {sentence}" for sentence in error.errors]
    if endpoint is not None and not re.fullmatch(r"https?://[^/?#@\s]+", endpoint):
        wrong.append(f"endpoint = {cut(endpoint)}: must be https://HOST:PORT, or http://HOST:PORT on this host.")
    elif endpoint is not None and leaves_in_plain(endpoint):
        wrong.append(f"endpoint = {cut(endpoint)}: allowed beyond this host is https.")
    return wrong


def connect(
    to: str, *, endpoint: str | None = None, region: str | None = None, key_file: Path | None = None
) -> Storage:
    """The storage at a place; nothing is asked of it yet. Raises BadInput with all that is wrong."""
    wrong = problems(to, endpoint)
    key = secret = ""
    try:
        key, secret = credentials(key_file)
    except BadInput as error:
        wrong += error.errors
    if wrong:
        raise BadInput(wrong)
    return Storage(Place.of(to), endpoint, region or REGION, key, secret)


class Storage:
    """Objects below one place."""

    def __init__(self, place: Place, endpoint: str | None, region: str, key: str, secret: str) -> None:
        from obstore.store import S3Store

        self.place = place
        plain = endpoint is not None and endpoint.startswith("http://")
        more: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint, "virtual_hosted_style_request": False}
        self._store = S3Store(
            place.bucket,
            prefix=place.prefix or None,
            access_key_id=key,
            secret_access_key=secret,
            region=region,
            client_options={
                "allow_http": plain,
                "timeout": timedelta(seconds=SECONDS_MAX),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS_MAX),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=SECONDS_MAX)},
            **more,
        )

    def create(self, path: str, data: bytes) -> bool:
        """Makes an object; False where one of that name is there already. Raises Away."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with self._told("put", path):
                obstore.put(self._store, path, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def read(self, path: str) -> bytes | None:
        """An object; None where none is. Raises Away."""
        import obstore

        try:
            with self._told("get", path):
                return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None

    def size(self, path: str) -> int | None:
        """Bytes of an object; None where none is. Raises Away."""
        import obstore

        try:
            with self._told("head", path):
                return int(obstore.head(self._store, path)["size"])
        except FileNotFoundError:
            return None

    def names(self, prefix: str) -> list[str]:
        """The objects below a prefix, sorted. Raises Away."""
        import obstore

        with self._told("list", prefix):
            return sorted(one["path"] for page in obstore.list(self._store, prefix) for one in page)

    def folders(self) -> list[str]:
        """The first parts of all names that have more than one, sorted. Raises Away."""
        import obstore

        with self._told("list", ""):
            return sorted(one.strip("/") for one in obstore.list_with_delimiter(self._store)["common_prefixes"])

    @contextmanager
    def _told(self, what: str, path: str) -> Iterator[None]:
        """Every failure but the two that are answers as one sentence, without what the server wrote."""
        from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError

        where = self.place.below(path)
        try:
            yield
        except (AlreadyExistsError, FileNotFoundError):
            raise
        except (PermissionDeniedError, UnauthenticatedError, PermissionError):
            raise Away(f"{where}: {what}: the storage refuses these credentials") from None
        except (BaseError, OSError, ValueError) as error:
            raise Away(f"{where}: {what}: {_reason(str(error))}") from None


def _reason(text: str) -> str:
    """Why, in a few words: status, timeout or connection, of a message that may hold a whole answer."""
    if found := re.search(r"\b(?:status|code)[^0-9]{0,20}([45]\d\d)\b", text) or re.search(r"\b([45]\d\d) [A-Z]", text):
        return f"the storage answered {found[1]}"
    if re.search(r"timed? ?out", text, re.IGNORECASE):
        return "the storage did not answer in time"
    if re.search(r"connect", text, re.IGNORECASE):
        return "the storage cannot be reached"
    return "the storage's answer cannot be used"
