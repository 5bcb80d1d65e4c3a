"""OpenTelemetry metrics and traces — OTLP when configured, `/metrics` always.

Labels are routes, methods and outcomes; never a person, an address or an identifier.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import ClassVar, Literal

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracer, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector
from starlette.types import Scope

from foundation.log_lines import quieten_libraries
from foundation.settings import Section

Sample = tuple[str, dict[str, str], float]
Families = Sequence[tuple[str, str, str, Sequence[Sample]]]
"""Metrics as values: of each family its name, what it is, its type, and its samples."""
_W3C = TraceContextTextMapPropagator()
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class TelemetrySettings(Section):
    """Where traces and metrics go. Without `otlp_endpoint` nothing leaves the machine."""

    section: ClassVar[str] = "telemetry"
    otlp_endpoint: str | None = None
    """URL of an OpenTelemetry collector (OTLP over HTTP); absent: nothing leaves."""
    service_name: str = "civitas"
    """`service.name` of traces and metrics."""
    log_format: Literal["text", "json"] = "text"
    """Lines for people, or JSON for a collector."""
    metrics_from: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses that may read `/metrics`."""


class Telemetry:
    """The instruments of one deployment."""

    def __init__(self, settings: TelemetrySettings) -> None:
        quieten_libraries()
        self._registry = CollectorRegistry()
        readers: list[MetricReader] = [
            PrometheusMetricReader(
                disable_target_info=True, scope_info_enabled=False, registry=self._registry
            )
        ]
        self.tracer: Tracer = NoOpTracer()
        self._tracing: TracerProvider | None = None
        resource = Resource.get_empty()  # to find out what this machine is starts a thread
        if settings.otlp_endpoint:
            resource = Resource.create(
                {
                    "service.name": settings.service_name,
                    # Each process counts for itself: a collector has to tell them apart.
                    "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
                }
            )
            readers.append(_otlp_metrics(settings.otlp_endpoint))
            self._tracing = _otlp_traces(settings.otlp_endpoint, resource)
            self.tracer = self._tracing.get_tracer("civitas")
        buckets = View(
            instrument_name="*.duration",
            aggregation=ExplicitBucketHistogramAggregation(_BUCKETS),
        )
        self._metering = MeterProvider(metric_readers=readers, resource=resource, views=[buckets])
        meter = self._metering.get_meter("civitas")
        self._requests = meter.create_histogram(
            "http.server.request.duration", unit="s", description="Time to answer, by door"
        )
        self._acts: Counter[str] = Counter()
        self._counting = Lock()
        meter.create_observable_counter(
            "civitas.acts",
            callbacks=[self._counted],
            description="Acts written to the audit, by kind",
        )

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answered request, under the path pattern of its route."""
        route = scope.get("route")
        pattern = getattr(route, "path", None) or "unmatched"
        self._requests.record(
            seconds,
            {"http.route": pattern, "http.request.method": scope["method"], "status": status},
        )
        if self._tracing is not None:
            self._trace(scope, pattern, status, seconds)

    def count_act(self, kind: str) -> None:
        """Count an act that is written to the audit.

        Counted here and observed when the metrics are read: a counter of the SDK costs as much
        as one of the act's own statements.
        """
        with self._counting:
            self._acts[kind] += 1

    def _counted(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._counting:
            counted = dict(self._acts)
        return [Observation(number, {"kind": kind}) for kind, number in counted.items()]

    def _trace(self, scope: Scope, pattern: str, status: int, seconds: float) -> None:
        """One span a request, under the caller's trace if it sent one (W3C Trace Context)."""
        carrier = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        ended = time.time_ns()
        span = self.tracer.start_span(
            f"{scope['method']} {pattern}",
            context=_W3C.extract(carrier),
            kind=SpanKind.SERVER,
            start_time=ended - int(seconds * 1e9),
            attributes={
                "http.route": pattern,
                "http.request.method": scope["method"],
                "http.response.status_code": status,
            },
        )
        span.end(ended)

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self._registry)

    def families(self) -> Families:
        """All metrics, to be told to another process."""
        return [
            (
                metric.name,
                metric.documentation,
                metric.type,
                [(one.name, dict(one.labels), one.value) for one in metric.samples],
            )
            for metric in self._registry.collect()
        ]

    def close(self) -> None:
        self._metering.shutdown()
        if self._tracing is not None:
            self._tracing.shutdown()


class _Told(Collector):
    """What several processes told, each sample with the label of its own."""

    def __init__(self, by_worker: Mapping[str, Families], more: Families) -> None:
        self._by_worker = by_worker
        self._more = more

    def collect(self) -> Iterator[Metric]:
        found: dict[str, Metric] = {}
        for worker, families in (*self._by_worker.items(), (None, self._more)):
            own = {} if worker is None else {"worker": worker}
            for name, documentation, kind, samples in families:
                metric = found.setdefault(name, Metric(name, documentation, kind))
                for sample, labels, value in samples:
                    metric.add_sample(sample, {**labels, **own}, value)
        yield from found.values()


def exposition(by_worker: Mapping[str, Families], more: Families = ()) -> bytes:
    """What workers told, as one text in the Prometheus format."""
    registry = CollectorRegistry()
    registry.register(_Told(by_worker, more))
    return generate_latest(registry)


def _otlp_metrics(endpoint: str) -> MetricReader:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{endpoint.rstrip('/')}/v1/metrics")
    )


def _otlp_traces(endpoint: str, resource: Resource) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
