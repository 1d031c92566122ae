import type { Database } from "./index/database.ts";

/** Upper bounds of the latency's buckets, in seconds. */
const buckets = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

/** What this instance has done since its start, in Prometheus' text format (version 0.0.4). */
export class Metrics {
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #latency = { counts: buckets.map(() => 0), sum: 0, count: 0 };
  #inFlight = 0;

  begin(): void {
    this.#inFlight++;
  }

  /** One answer: `millis` after its request, of `bytes` of body. */
  end(method: string, status: number, millis: number, bytes: number): void {
    this.#inFlight--;
    this.add("registry_http_requests_total", { method, code: String(status) });
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
      lines.push(`# TYPE ${name} counter`);
      for (const [labels, value] of series)
        lines.push(labels ? `${name}{${labels}} ${value}` : `${name} ${value}`);
    }
    const latency = "registry_http_request_duration_seconds";
    lines.push(`# TYPE ${latency} histogram`);
    for (const [index, bound] of buckets.entries()) {
      lines.push(`${latency}_bucket{le="${bound}"} ${this.#latency.counts[index] ?? 0}`);
    }
    lines.push(`${latency}_bucket{le="+Inf"} ${this.#latency.count}`);
    lines.push(`${latency}_sum ${this.#latency.sum}`, `${latency}_count ${this.#latency.count}`);
    lines.push(
      "# TYPE registry_http_requests_in_flight gauge",
      `registry_http_requests_in_flight ${this.#inFlight}`,
    );
    lines.push(
      "# TYPE process_resident_memory_bytes gauge",
      `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    );
    for (const [name, sql] of gauges) {
      const row = await database.get<{ value: number | null }>(sql);
      lines.push(`# TYPE ${name} gauge`, `${name} ${row?.value ?? 0}`);
    }
    return `${lines.join("\n")}\n`;
  }
}

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
