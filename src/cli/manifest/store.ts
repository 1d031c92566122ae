import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { errnoOf, notFound } from "../../base/errors.ts";
import type { ManifestEntry } from "./entry.ts";

const fileName = (name: string) => name.replaceAll(":", "-").replaceAll("/", "_");

/** The lists in the making, below the client's folder, as Docker's client lays them out. Names are full ones. */
export class ManifestLists {
  readonly #root: string;

  constructor(configFolder: string) {
    this.#root = `${configFolder}/manifests`;
  }

  #folder(list: string): string {
    return `${this.#root}/${fileName(list)}`;
  }

  /** Its manifests in the order of their files; empty when there is no such list. */
  list(list: string): ManifestEntry[] {
    try {
      return readdirSync(this.#folder(list))
        .sort()
        .map((file) => JSON.parse(readFileSync(`${this.#folder(list)}/${file}`, "utf8")) as ManifestEntry);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
  }

  get(list: string, ref: string): ManifestEntry | undefined {
    return this.list(list).find((entry) => entry.Ref === ref);
  }

  put(list: string, entry: ManifestEntry): void {
    mkdirSync(this.#folder(list), { recursive: true, mode: 0o755 });
    writeFileSync(`${this.#folder(list)}/${fileName(entry.Ref)}`, JSON.stringify(entry), { mode: 0o644 });
  }

  /** Throws `notFound`. */
  remove(list: string): void {
    if (this.list(list).length === 0) throw notFound(`No such manifest: ${list}`);
    rmSync(this.#folder(list), { recursive: true });
  }
}
