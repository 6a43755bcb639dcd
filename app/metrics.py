"""What this process counts and times, as data; docs/metrics.md says what each means and when it looks bad.

Labels are bounded: our own names, the providers', and models of the catalogue. Whatever a caller names is OTHER.
What only the database knows (queues, costs) is not counted here: `services.gauges` asks when somebody reads.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

OTHER = "other"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which nobody asks for

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

HTTP_SECONDS = Histogram(
    "reelgate_http_request_duration_seconds",
    "Requests answered by this process, by route template; ?wait marks answers that were held until there was news.",
    ["method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=REGISTRY,
)
UPSTREAM_SECONDS = Histogram(
    "reelgate_upstream_call_duration_seconds",
    "Calls of providers by this process; the result comes with the poll that finds the end.",
    ["provider", "call", "outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
OUTPUTS_ENDED = Counter(
    "reelgate_outputs_ended",
    "Outputs that this process ended; outcome is completed, or the code of the failure.",
    ["provider", "model", "outcome"],
    registry=REGISTRY,
)
FAILOVERS = Counter(
    "reelgate_failovers",
    "Outputs that a provider had taken and failed at, and that this process gave to the next.",
    ["provider", "model", "code"],
    registry=REGISTRY,
)
LANE_LAG_SECONDS = Histogram(
    "reelgate_lane_lag_seconds",
    "How long after it was due a piece of work was taken up by this process.",
    ["lane"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
STEP_FAULTS = Counter(
    "reelgate_step_faults",
    "Steps of this process that nothing about the job explains, and that are tried again.",
    ["lane", "cause"],
    registry=REGISTRY,
)
WEBHOOK_SECONDS = Histogram(
    "reelgate_webhook_attempt_duration_seconds",
    "Attempts of this process to deliver a webhook.",
    ["result"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
    registry=REGISTRY,
)
WRITE_SECONDS = Histogram(
    "reelgate_database_write_duration_seconds",
    "Writes of this process, from the wish to the durable commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
    registry=REGISTRY,
)
BATCH_WRITES = Histogram(
    "reelgate_database_batch_writes",
    "Writes that shared one commit; SQLite only, for Postgres commits each on its own.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=REGISTRY,
)
