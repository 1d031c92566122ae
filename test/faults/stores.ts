import { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../../src/oci/digester.ts";

/** What a daemon's data root holds of images. */
export interface Stored {
  /** Parts of blobs, with how many bytes each has. */
  parts: Record<string, number>;
  layers: string[];
  /** Images that have a name. */
  images: string[];
}

/**
 * Reads the data root as it lies on the disk. Throws when it lies: a blob or a layer without a row or the other way
 * round, a blob that does not have its digest, a layer in the making, something in the trash.
 */
async function stored(dataRoot: string): Promise<Stored> {
  using database = new Database(join(dataRoot, "longshore.db"), { readonly: true });
  const column = (sql: string) =>
    database
      .query<{ value: string }, []>(sql)
      .all()
      .map(({ value }) => value)
      .sort();
  const names = (folder: string) => readdirSync(join(dataRoot, folder)).sort();
  same("blobs", names("blobs/sha256"), column("SELECT substr(digest, 8) AS value FROM blobs"));
  same("layers", names("layers"), column("SELECT substr(diff_id, 8) AS value FROM layers WHERE ready"));
  same("parts", names("ingest"), column("SELECT replace(digest, ':', '-') AS value FROM ingests"));
  same("trash", names("trash"), []);
  for (const name of names("blobs/sha256")) {
    const bytes = await Bun.file(join(dataRoot, "blobs/sha256", name)).bytes();
    if (sha256Of(bytes) !== `sha256:${name}`) throw new Error(`blob ${name} has other bytes`);
  }
  return {
    parts: Object.fromEntries(
      names("ingest").map((name) => [name, Bun.file(join(dataRoot, "ingest", name)).size]),
    ),
    layers: names("layers"),
    images: column("SELECT name AS value FROM image_names"),
  };
}

/** As `stored`, when what goes on in the background (stopping, deleting) has come to its end. */
export async function settled(dataRoot: string): Promise<Stored> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await stored(dataRoot);
    } catch (error) {
      if (attempt === 250) throw error;
      await Bun.sleep(20);
    }
  }
}

function same(what: string, files: readonly string[], rows: readonly string[]): void {
  if (files.join() !== rows.join()) throw new Error(`${what}: files ${files.join()}, rows ${rows.join()}`);
}
