"""A service for tests: publishes numbered records at a rate, writes down what it reads, dies when told to."""

from __future__ import annotations

import sys
import time
from threading import Event

from pydantic import BaseModel, ConfigDict, Field

from meridian.deploy.services import Service, run


class Settings(BaseModel):
    """What the topology may say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    publish: str
    read: str
    port: int = Field(default=0, ge=0, le=65_535)


def main(service: Service, stop: Event) -> None:
    """Sends eight bytes a record, in the shape that a probe's sink takes, and counts what it reads."""
    settings = Settings.model_validate(service.settings)
    out, into = service.publisher(settings.publish), service.subscriber(settings.read)
    service.ready()
    sent = read = 0
    while not stop.is_set():
        record = sent.to_bytes(8, "little") + time.time_ns().to_bytes(8, "little") + bytes(48)
        sent += out.offer(record) == "sent"
        read += len(into.poll(timeout=0.005))
        making = service.data_directory / "counts.making"
        making.write_text(f"{sent} {read} {settings.port}", encoding="ascii")
        making.replace(service.data_directory / "counts")


if __name__ == "__main__":
    sys.exit(run(main))
