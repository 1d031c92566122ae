import { RegistryError } from "./errors.ts";

/** What a client wants of a list: at most `limit` entries, those after `last`. */
export interface PageRequest {
  limit: number | undefined;
  last: string;
}

/** Reads `n` and `last`. Throws UNSUPPORTED when `n` is not a whole number. */
export function pageRequest(query: URLSearchParams): PageRequest {
  const n = query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new RegistryError("UNSUPPORTED", {
      message: "invalid number of results requested",
      details: [{ n }],
    });
  }
  return { limit: n === null ? undefined : Number(n), last: query.get("last") ?? "" };
}

/** The page of `sorted` that is wanted, and the `Link` to the next one when there is more. */
export function cutPage(sorted: readonly string[], { limit, last }: PageRequest, path: string) {
  const rest = last === "" ? sorted : sorted.filter((entry) => entry > last);
  const page = rest.slice(0, limit);
  const end = page.at(-1);
  const more = end !== undefined && page.length < rest.length;
  const headers = more ? { Link: nextLink(path, { n: String(limit), last: end }) } : {};
  return { page, headers };
}

/** A `Link` header to the next page (RFC 8288). */
export function nextLink(path: string, query: Record<string, string>): string {
  return `<${path}?${new URLSearchParams(query)}>; rel="next"`;
}
