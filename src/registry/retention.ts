import { nextTurn } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import { invalidArgument } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "./errors.ts";
import type { Database } from "./index/database.ts";
import type { Manifests } from "./manifests.ts";
import { matchesPattern } from "./patterns.ts";

const dayMillis = 24 * 3600_000;

/** Which tags and manifests of a repository are given up. All conditions that are given must hold. */
export interface Retention {
  /** The newest so many tags stay. */
  keep?: number;
  /** Tags younger than so many days stay. */
  days?: number;
  /** Only tags that fit are given up; `*` where it is not given. */
  tags?: string;
  /** Manifests without a tag, that no index names and that have no subject, go after so many days. */
  untaggedDays?: number;
}

/** Reads `keep=10 days=30 tags=ci-* untagged=7`; "" is no rule. Throws `invalidArgument`. */
export function parseRetention(text: string): Retention {
  const rule: Retention = {};
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const [key, value = ""] = word.split("=", 2);
    if (key === "tags" && value !== "") rule.tags = value;
    else if (!/^\d{1,6}$/.test(value)) throw invalidArgument(`invalid retention rule: ${word}`);
    else if (key === "keep") rule.keep = Number(value);
    else if (key === "days") rule.days = Number(value);
    else if (key === "untagged") rule.untaggedDays = Number(value);
    else throw invalidArgument(`invalid retention rule: ${word} (there are keep, days, tags, untagged)`);
  }
  if (rule.tags !== undefined && rule.keep === undefined && rule.days === undefined) {
    throw invalidArgument("invalid retention rule: tags needs keep or days beside it");
  }
  return rule;
}

/** Told of each tag (`tag`) and each manifest that a rule gave up. */
export type Gone = (target: { repository: string; digest?: Digest; tag?: string }) => Promise<void>;

/** Applies the rules of all repositories; returns how many tags and manifests went (or, in a dry run, would go). */
export async function applyRetention(
  { database, manifests, clock }: { database: Database; manifests: Manifests; clock: Clock },
  { dryRun, gone }: { dryRun: boolean; gone?: Gone | undefined },
): Promise<{ tags: number; manifests: number }> {
  const count = { tags: 0, manifests: 0 };
  const rows = await database.all<{ name: string; retention: string }>(
    "SELECT name, retention FROM repositories WHERE retention <> ''",
  );
  for (const { name, retention } of rows) {
    await nextTurn();
    const rule = parseRetention(retention);
    for (const tag of await givenUpTags(database, name, rule, clock.now())) {
      const digest = dryRun ? undefined : await removed(manifests, name, tag);
      if (digest !== undefined) await gone?.({ repository: name, digest, tag });
      if (dryRun || digest !== undefined) count.tags++;
    }
    for (const digest of await givenUpManifests(database, name, rule, clock.now())) {
      const went = !dryRun && (await removed(manifests, name, digest)) !== undefined;
      if (went) await gone?.({ repository: name, digest });
      if (dryRun || went) count.manifests++;
    }
  }
  return count;
}

async function givenUpTags(
  database: Database,
  name: string,
  rule: Retention,
  now: number,
): Promise<string[]> {
  if (rule.keep === undefined && rule.days === undefined) return [];
  const rows = await database.all<{ name: string; updated_at: number }>(
    "SELECT name, updated_at FROM tags WHERE repository = ? ORDER BY updated_at DESC, name DESC",
    name,
  );
  const youngest = rule.days === undefined ? now + 1 : now - rule.days * dayMillis;
  return rows
    .filter((row) => matchesPattern(rule.tags ?? "*", row.name))
    .slice(rule.keep ?? 0)
    .filter((row) => row.updated_at < youngest)
    .map((row) => row.name);
}

async function givenUpManifests(
  database: Database,
  name: string,
  rule: Retention,
  now: number,
): Promise<Digest[]> {
  if (rule.untaggedDays === undefined) return [];
  const rows = await database.all<{ digest: Digest }>(
    `SELECT digest FROM manifests m WHERE repository = ? AND pushed_at < ? AND subject = ''
     AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
     AND NOT EXISTS (SELECT 1 FROM manifest_references r WHERE r.repository = m.repository AND r.digest = m.digest)`,
    name,
    now - rule.untaggedDays * dayMillis,
  );
  return rows.map(({ digest }) => digest);
}

/** The manifest's digest; undefined for what is gone already or may not be deleted. */
async function removed(manifests: Manifests, name: string, reference: string): Promise<Digest | undefined> {
  try {
    return await manifests.remove(name, reference);
  } catch (error) {
    if (error instanceof RegistryError && (error.kind === "MANIFEST_UNKNOWN" || error.kind === "IMMUTABLE"))
      return undefined;
    throw error;
  }
}
