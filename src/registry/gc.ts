import { nextTurn } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import type { Digest } from "../oci/digest.ts";
import { type Blobs, graceMillis } from "./blobs.ts";
import type { Database } from "./index/database.ts";
import { lock, type Manifests } from "./manifests.ts";
import { applyRetention, type Gone } from "./retention.ts";

/** How many rows a step takes, so that nobody waits long for it. */
const batch = 500;

export interface CollectOptions {
  /** Blobs without a manifest stay for so many milliseconds. */
  grace?: number;
  /** Only counts. */
  dryRun?: boolean;
  /** Told of what retention rules give up. */
  gone?: Gone;
}

/** What a collection did. */
export interface Collected {
  tags: number;
  manifests: number;
  blobs: number;
  bytes: number;
}

/**
 * Collects while the registry is used: what the repositories' retention rules give up, then blobs that no manifest of
 * their repository has had for `grace` milliseconds, then content that no repository has.
 */
export async function collect(
  parts: { database: Database; blobs: Blobs; manifests: Manifests; clock: Clock },
  { grace = graceMillis, dryRun = false, gone }: CollectOptions = {},
): Promise<Collected> {
  const { database, blobs, clock } = parts;
  const before = clock.now() - grace;
  const { tags, manifests } = await applyRetention(parts, { dryRun, gone });
  if (dryRun) return { tags, manifests, ...(await unused(database, before)) };
  await database.run("DELETE FROM tokens WHERE expires_at <= ? AND kind <> 'access'", clock.now());
  await unlinkUnused(database, before);
  let freed = 0;
  let bytes = 0;
  for (let last = ""; ; ) {
    const rows = await database.all<{ digest: Digest }>(
      `SELECT digest FROM blobs b WHERE digest > ? AND (holders = 0 OR held_until < ?)
       AND NOT EXISTS (SELECT 1 FROM repository_blobs r WHERE r.digest = b.digest) ORDER BY digest LIMIT ${batch}`,
      last,
      clock.now(),
    );
    for (const { digest } of rows) {
      await nextTurn();
      const size = await blobs.free(digest);
      bytes += size;
      if (size > 0) freed++;
    }
    last = rows.at(-1)?.digest ?? "";
    if (rows.length < batch) return { tags, manifests, blobs: freed, bytes };
  }
}

const unusedLink = `linked_at < ? AND NOT EXISTS (SELECT 1 FROM manifest_references m
  WHERE m.repository = l.repository AND m.digest = l.digest)`;

/** What a collection would free of blobs now. */
async function unused(database: Database, before: number) {
  const row = await database.get<{ blobs: number; bytes: number | null }>(
    `SELECT CAST(COUNT(*) AS INTEGER) AS blobs, CAST(SUM(size) AS DOUBLE PRECISION) AS bytes FROM blobs b
     WHERE (holders = 0 OR held_until < ?) AND NOT EXISTS (SELECT 1 FROM repository_blobs l WHERE l.digest = b.digest AND NOT (${unusedLink}))`,
    before,
    before,
  );
  return { blobs: row?.blobs ?? 0, bytes: row?.bytes ?? 0 };
}

/** Takes from the repositories the blobs that none of their manifests has. */
async function unlinkUnused(database: Database, before: number): Promise<void> {
  for (let last = ""; ; ) {
    const rows = await database.all<{ name: string }>(
      `SELECT name FROM repositories WHERE name > ? ORDER BY name LIMIT ${batch}`,
      last,
    );
    for (const { name } of rows) {
      await nextTurn();
      await database.transaction(async (queries) => {
        await lock(queries, name);
        await queries.run(
          `DELETE FROM repository_blobs WHERE repository = ? AND digest IN
           (SELECT l.digest FROM repository_blobs l WHERE l.repository = ? AND ${unusedLink})`,
          name,
          name,
          before,
        );
      });
    }
    last = rows.at(-1)?.name ?? "";
    if (rows.length < batch) return;
  }
}
