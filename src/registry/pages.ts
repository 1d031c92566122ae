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

/** A page without `n`: as many entries as an answer may have. */
const maxPage = 10_000;

/** The page that is wanted of what `list` gives after an entry, and the `Link` to the next one when there is more. */
export async function fetchPage(
  list: (last: string, limit: number) => Promise<string[]>,
  { limit, last }: PageRequest,
  path: string,
) {
  const most = Math.min(limit ?? maxPage, maxPage);
  const found = await list(last, most + 1);
  const page = found.slice(0, most);
  const end = page.at(-1);
  const more = end !== undefined && page.length < found.length;
  const headers = more ? { Link: nextLink(path, { n: String(most), last: end }) } : {};
  return { page, headers };
}

/** A `Link` header to the next page (RFC 8288). */
export function nextLink(path: string, query: Record<string, string>): string {
  return `<${path}?${new URLSearchParams(query)}>; rel="next"`;
}
