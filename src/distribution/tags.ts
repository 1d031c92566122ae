import { internal } from "../base/errors.ts";
import { isObject } from "../oci/json.ts";
import { isTag } from "../oci/reference.ts";
import type { RegistryClient } from "./registry-client.ts";
import { readBounded, readRegistryError } from "./registry-error.ts";

const maxPage = 4 * 1024 * 1024;
const maxPages = 1000;

/** All tags of a repository, page by page (distribution specification, "Listing Tags"). */
export async function listTags(client: RegistryClient, signal?: AbortSignal): Promise<string[]> {
  const tags: string[] = [];
  let url: URL | undefined = client.url("tags/list");
  for (let page = 0; url !== undefined; page++) {
    if (page === maxPages) throw internal(`${client.repository}: too many tags`);
    const response = await client.send("GET", url, { signal });
    if (!response.ok) throw await readRegistryError(response, "name unknown");
    const next = nextPage(response.headers.get("link"), url);
    tags.push(...parsePage(await readBounded(response, maxPage)));
    url = next;
  }
  return tags;
}

/** What `Link: <…>; rel="next"` points to, on the same server. */
function nextPage(link: string | null, from: URL): URL | undefined {
  const match = /<([^>]+)>\s*;\s*rel="?next"?/i.exec(link ?? "");
  if (match?.[1] === undefined || !URL.canParse(match[1], from.href)) return undefined;
  const next = new URL(match[1], from);
  return next.origin === from.origin ? next : undefined;
}

function parsePage(body: Uint8Array): string[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString());
  } catch (error) {
    throw internal("the registry's list of tags is not JSON", error);
  }
  const tags = isObject(value) ? (value.tags ?? []) : undefined;
  if (!Array.isArray(tags)) throw internal("the registry's list of tags has no tags");
  return tags.filter((tag): tag is string => typeof tag === "string" && isTag(tag));
}
