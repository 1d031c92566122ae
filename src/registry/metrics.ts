import type { Database } from "./index/database.ts";

/** Upper bounds of the latency's buckets, in seconds. */
const buckets = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

/** What this instance has done since its start, in Prometheus' text format; where Docker's registry has a metric, its name. */
export class Metrics {
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #latency = { counts: buckets.map(() => 0), sum: 0, count: 0 };
  #inFlight = 0;

  begin(): void {
    this.#inFlight++;
  }

  /** One answer: `millis` after its request, of `bytes` of body. */
  end(
    { handler, method, status }: { handler: string; method: string; status: number },
    millis: number,
    bytes: number,
  ): void {
    this.#inFlight--;
    const labels = { code: String(status), handler, method: method.toLowerCase() };
    this.add("registry_http_requests_total", labels);
    this.add("registry_http_response_bytes_total", {}, bytes);
    const seconds = millis / 1000;
    this.#latency.sum += seconds;
    this.#latency.count++;
    for (const [index, bound] of buckets.entries()) {
      if (seconds <= bound) this.#latency.counts[index] = (this.#latency.counts[index] ?? 0) + 1;
    }
  }

  add(name: string, labels: Record<string, string> = {}, value = 1): void {
    const key = Object.entries(labels)
      .map(([label, text]) => `${label}="${text.replace(/["\\\n]/g, "_")}"`)
      .join(",");
    const series = this.#counters.get(name) ?? new Map<string, number>();
    series.set(key, (series.get(key) ?? 0) + value);
    this.#counters.set(name, series);
  }

  /** All of it as text. What is stored is counted in the index, and the same on all instances. */
  async text(database: Database): Promise<string> {
    const lines: string[] = [];
    for (const [name, series] of this.#counters) {
      lines.push(...head(name, "counter"));
      for (const [labels, value] of series)
        lines.push(labels ? `${name}{${labels}} ${value}` : `${name} ${value}`);
    }
    const latency = "registry_http_request_duration_seconds";
    lines.push(...head(latency, "histogram"));
    for (const [index, bound] of buckets.entries()) {
      lines.push(`${latency}_bucket{le="${bound}"} ${this.#latency.counts[index] ?? 0}`);
    }
    lines.push(`${latency}_bucket{le="+Inf"} ${this.#latency.count}`);
    lines.push(`${latency}_sum ${this.#latency.sum}`, `${latency}_count ${this.#latency.count}`);
    const gauge = (name: string, value: number) => lines.push(...head(name, "gauge"), `${name} ${value}`);
    gauge("registry_http_in_flight_requests", this.#inFlight);
    gauge("process_resident_memory_bytes", process.memoryUsage.rss());
    for (const [name, sql] of gauges) {
      const row = await database.get<{ value: number | null }>(sql);
      gauge(name, row?.value ?? 0);
    }
    return `${lines.join("\n")}\n`;
  }
}

/** What stands above a metric. */
function head(name: string, type: "counter" | "gauge" | "histogram"): string[] {
  return [`# HELP ${name} ${help[name] ?? name}`, `# TYPE ${name} ${type}`];
}

const help: Readonly<Record<string, string>> = {
  registry_http_requests_total: "Requests that were answered, by code, part of the registry and method.",
  registry_http_response_bytes_total: "Bytes of the answers' bodies.",
  registry_http_request_duration_seconds: "From a request to the end of its answer.",
  registry_http_in_flight_requests: "Requests that are being answered.",
  process_resident_memory_bytes: "Memory of this process.",
  registry_repositories: "Repositories with something in them.",
  registry_tags: "Tags of all repositories.",
  registry_blobs: "Blobs that are stored, each once.",
  registry_blob_bytes: "Bytes of the blobs that are stored.",
  registry_notifications_waiting: "Events that their endpoints have not taken yet.",
};

const gauges: readonly [string, string][] = [
  [
    "registry_repositories",
    "SELECT CAST(COUNT(*) AS DOUBLE PRECISION) AS value FROM repositories WHERE pushed_at IS NOT NULL",
  ],
  ["registry_tags", "SELECT CAST(COUNT(*) AS DOUBLE PRECISION) AS value FROM tags"],
  ["registry_blobs", "SELECT CAST(COUNT(*) AS DOUBLE PRECISION) AS value FROM blobs"],
  ["registry_blob_bytes", "SELECT CAST(SUM(size) AS DOUBLE PRECISION) AS value FROM blobs"],
  ["registry_notifications_waiting", "SELECT CAST(COUNT(*) AS DOUBLE PRECISION) AS value FROM notifications"],
];
