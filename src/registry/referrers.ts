import type { Digest } from "../oci/digest.ts";
import { compact } from "../oci/json.ts";
import { type Descriptor, type Index, isIndex, type Manifest } from "../oci/manifest.ts";
import type { Database } from "./index/database.ts";

/** How many rows are read at a time. */
const batch = 200;

/** What the referrers API tells of a manifest (distribution-spec, "Listing Referrers"). */
export function referrerDescriptor(document: Manifest | Index, digest: Digest, size: number): Descriptor {
  const fallback = isIndex(document) ? undefined : document.config.mediaType;
  return compact<Descriptor>({
    mediaType: document.mediaType,
    digest,
    size,
    annotations: document.annotations,
    artifactType: document.artifactType || fallback,
    urls: undefined,
    data: undefined,
    platform: undefined,
  });
}

/** Which manifests of a repository name another as their subject: signatures, SBOMs, attestations. */
export class Referrers {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The descriptors that refer to `subject`, sorted by digest, those after the digest `after` only. */
  async *list(name: string, subject: Digest, after = ""): AsyncGenerator<Descriptor> {
    for (let last = after; ; ) {
      const rows = await this.#database.all<{ digest: Digest; referrer: string }>(
        `SELECT digest, referrer FROM manifests WHERE repository = ? AND subject = ? AND digest > ?
         ORDER BY digest LIMIT ${batch}`,
        name,
        subject,
        last,
      );
      for (const row of rows) yield JSON.parse(row.referrer) as Descriptor;
      last = rows.at(-1)?.digest ?? "";
      if (rows.length < batch) return;
    }
  }
}
