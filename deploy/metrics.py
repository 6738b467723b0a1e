"""The Prometheus exporter of a run: every counter and histogram of its processes, at http://127.0.0.1:9464/metrics.

A counter `feed.packets` of process `engine` becomes `meridian_counter{process="engine",name="feed.packets"}`, a histogram
`gateway.ack_ns` becomes `meridian_latency_seconds` with the labels process and name, with buckets by powers of two.

A keeper of a journal (`engine/keeping`) and a sender of a copy (`deploy/spare`) have no counters; what they write down of
themselves is told as if they had.

Invariant: it reads shared memory and what these services wrote, nothing else; a process that died keeps its last values until
the run ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

from meridian._native import links as native
from meridian.deploy.runs import Run
from meridian.deploy.spare import room as spare_room
from meridian.engine.room import KEEPER, kept
from meridian.ports import can_listen

BUCKETS_NS = [1 << bits for bits in range(7, 34)]
"""128 ns to 8.6 s."""
KEPT: tuple[str, ...] = ("segments_not_shipped", "oldest_not_shipped_s", "segments_held", "failed_in_a_row")
SENT: tuple[str, ...] = ("age_ms", "lag_ms", "batches", "bytes_sent", "apart")


class Collector:
    """Reads the counters of a run whenever Prometheus asks."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def collect(self) -> Iterator[Any]:
        """One family for counters, one for histograms, one for what the supervisor knows."""
        from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

        labels = ["process", "name"]
        counters = GaugeMetricFamily("meridian_counter", "A counter of a tile, by its name.", labels=labels)
        latencies = HistogramMetricFamily("meridian_latency_seconds", "A latency histogram of a tile.", labels=labels)
        restarts = GaugeMetricFamily("meridian_process_restarts", "Restarts in this run.", labels=["process"])
        for process, about in list(self._run.processes.items()):
            restarts.add_metric([process], about["restarts"])
            for name, value in read(self._run.counters(process)):
                if isinstance(value, int):
                    counters.add_metric([process, name], value)
                elif value.count:
                    buckets = [(f"{bound / 1e9:.9g}", float(value.count_up_to_ns(bound))) for bound in BUCKETS_NS]
                    latencies.add_metric([process, name], [*buckets, ("+Inf", value.count)], value.sum_ns / 1e9)
            for name, number in self._written(process, about.get("service")):
                counters.add_metric([process, f"{process}.{name}"], number)
        yield from (counters, latencies, restarts)

    def _written(self, process: str, kind: str | None) -> Iterator[tuple[str, float]]:
        """What a service wrote of itself."""
        data = Path(self._run.data_directory)
        told, names, flag = None, KEPT, "alarm"
        if kind == KEEPER:
            told = kept(data, process)
        elif kind == spare_room.KIND:
            told, names, flag = spare_room.sent(data, process), SENT, "connected"
        if told is not None:
            yield from ((name, told[name]) for name in names if told[name] is not None)
            yield flag, int(told[flag] not in (None, False))


def read(path: Path) -> list[tuple[str, int | native.Histogram]]:
    """All readings of one counters file; nothing when it is not there."""
    try:
        return native.Counters(path).read()
    except OSError:
        return []


class Exporter:
    """Serves the metrics until closed."""

    def __init__(self, run: Run, port: int) -> None:
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        registry.register(Collector(run))
        wanted = port if port and can_listen(port, "127.0.0.1") else 0
        self._server, self._thread = start_http_server(wanted, addr="127.0.0.1", registry=registry)
        self.port = self._server.server_port
        self._threads: list[Thread] = [self._thread]

    def close(self) -> None:
        """Stops serving and frees the port."""
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()
