"""Metrics always, traces and metrics by OTLP when configured, logs for people or machines."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from foundation.audit import SYSTEM
from foundation.log_lines import JsonLines
from foundation.runtime import Runtime
from foundation.telemetry import Telemetry, TelemetrySettings

SCOPE = {
    "method": "GET",
    "headers": [(b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")],
}


class Collector(ThreadingHTTPServer):
    """Receives OTLP over HTTP, as a collector does."""

    received: list[tuple[str, bytes]]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        assert isinstance(self.server, Collector)
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector(("127.0.0.1", 0), _Handler)
    server.received = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def test_requests_and_acts_are_counted_without_identifiers(runtime: Runtime) -> None:
    with runtime.database.write() as uow:
        runtime.audit.record(uow, "sign-in.failed", SYSTEM, (), {"who": "per_secret"})
    runtime.telemetry.observe(SCOPE, 200, 0.01)
    exposed = runtime.telemetry.exposition().decode()
    assert 'civitas_acts_total{kind="sign-in.failed"} 1.0' in exposed
    assert 'http_route="unmatched"' in exposed
    assert "per_secret" not in exposed


def test_spans_and_metrics_reach_a_collector(collector: Collector) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    telemetry = Telemetry(TelemetrySettings(otlp_endpoint=endpoint, service_name="city"))
    telemetry.observe(SCOPE, 201, 0.5)
    telemetry.close()
    bodies = dict(collector.received)
    spans = ExportTraceServiceRequest.FromString(bodies["/v1/traces"])
    [span] = spans.resource_spans[0].scope_spans[0].spans
    assert span.name == "GET unmatched"
    assert span.trace_id.hex() == "a" * 32
    assert span.end_time_unix_nano - span.start_time_unix_nano == 500_000_000
    metrics = ExportMetricsServiceRequest.FromString(bodies["/v1/metrics"])
    names = {m.name for m in metrics.resource_metrics[0].scope_metrics[0].metrics}
    assert "http.server.request.duration" in names


def test_without_an_endpoint_nothing_leaves(collector: Collector) -> None:
    telemetry = Telemetry(TelemetrySettings())
    telemetry.observe(SCOPE, 200, 0.1)
    telemetry.close()
    assert collector.received == []


def test_a_log_line_for_machines_is_one_json_object() -> None:
    record = logging.LogRecord("civitas", logging.WARNING, "", 0, "a\nb %s", ("c",), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "a\nb c"
