/** How many pulls a registry still allows, as Docker Hub tells it with its manifests. */
export interface Quota {
  remaining: number;
  limit: number;
  /** The time that `limit` is for, in seconds; 0 where it is not told. */
  window: number;
}

/** Reads `RateLimit-Limit` and `RateLimit-Remaining` (`100;w=21600`); undefined where they are not there. */
export function quotaOf(headers: Headers): Quota | undefined {
  const limit = parse(headers.get("ratelimit-limit"));
  const remaining = parse(headers.get("ratelimit-remaining"));
  if (limit === undefined || remaining === undefined) return undefined;
  return { remaining: remaining.count, limit: limit.count, window: limit.window };
}

function parse(header: string | null): { count: number; window: number } | undefined {
  const match = /^\s*(\d{1,9})(?:\s*;\s*w=(\d{1,9}))?/.exec(header ?? "");
  return match ? { count: Number(match[1]), window: Number(match[2] ?? 0) } : undefined;
}

/** `Pulls left: 76 of 100 in 6 hours`. */
export function quotaText({ remaining, limit, window }: Quota): string {
  const hours = window / 3600;
  const time = Number.isInteger(hours) ? `${hours} hour${hours === 1 ? "" : "s"}` : `${window} seconds`;
  return `Pulls left: ${remaining} of ${limit}${window > 0 ? ` in ${time}` : ""}`;
}
