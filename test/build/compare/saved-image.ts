import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openArchive } from "../../../src/archive/archive-source.ts";
import { TarDecoder } from "../../../src/archive/tar-decoder.ts";
import type { TarEntry } from "../../../src/archive/tar-entry.ts";
import { run } from "../../harness/process.ts";
import { contextTime } from "./case.ts";

/** What is compared of an image. */
export interface SavedImage {
  /** One line a file of the whole image: path, kind, mode, owners, link, content, attributes, and the time if it is known. */
  files: string[];
  /** The same of each layer by itself, folders left out: they come with what is in them or not, as the engine likes. */
  layers: string[][];
  /** One line a field that has a value. */
  config: string[];
  /** One line an entry: what made it, and whether it has a layer. */
  history: string[];
}

interface ConfigFile {
  config?: Record<string, unknown>;
  history?: { created_by?: string; comment?: string; empty_layer?: boolean; author?: string }[];
  author?: string;
}

/** Saves an image with `command` (a client and its flags), and reads what it is. */
export async function savedImage(command: readonly string[], env: Record<string, string>, image: string) {
  const folder = mkdtempSync(join(tmpdir(), "saved-image-"));
  try {
    const archive = join(folder, "image.tar");
    for (const step of [
      [...command, "save", "-o", archive, image],
      ["tar", "-C", folder, "-xf", archive],
    ]) {
      const { code, stderr } = await run(step, { env });
      if (code !== 0) throw new Error(`${step.join(" ")}: ${stderr}`);
    }
    return readImage(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readImage(folder: string): SavedImage {
  const [manifest] = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const config: ConfigFile = JSON.parse(readFileSync(join(folder, manifest.Config), "utf8"));
  const layers = (manifest.Layers as string[]).map((path) => readLayer(join(folder, path)));
  const whole = new Map<string, string>();
  for (const layer of layers) apply(whole, layer);
  const history = (config.history ?? []).map(
    ({ created_by = "", comment = "", empty_layer = false, author = "" }) =>
      `${created_by} | ${comment} | ${empty_layer ? "empty" : "layer"} | ${author}`,
  );
  return {
    files: lines(whole),
    layers: layers.map((layer) => lines(layer).filter((line) => !line.includes(" directory "))),
    config: configLines({ ...config.config, author: config.author }),
    history,
  };
}

function configLines(config: Record<string, unknown>): string[] {
  const empty = new Set(["null", '""', "[]", "{}", "false", "undefined"]);
  return Object.entries(config)
    .map(([name, value]) => [name, JSON.stringify(sorted(value)) ?? "undefined"])
    .filter(([, value]) => !empty.has(value ?? ""))
    .map(([name, value]) => `${name} ${value}`)
    .sort();
}

/** With the keys of maps in the order in which Go writes them. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const lines = (files: ReadonlyMap<string, string>) =>
  [...files].map(([path, what]) => `${path} ${what}`).sort();

function apply(whole: Map<string, string>, layer: ReadonlyMap<string, string>): void {
  for (const path of layer.keys()) {
    const [, folder = "", gone] = /^(.*\/|)\.wh\.([^/]*)$/.exec(path) ?? [];
    if (gone === undefined) continue;
    const target = gone === ".wh..opq" ? folder : folder + gone;
    for (const known of [...whole.keys()]) {
      if (known === target || known.startsWith(`${target.replace(/\/$/, "")}/`)) whole.delete(known);
    }
  }
  for (const [path, what] of layer) if (!/(^|\/)\.wh\./.test(path)) whole.set(path, what);
}

function readLayer(path: string): Map<string, string> {
  const files = new Map<string, string>();
  const decoder = new TarDecoder();
  let entry: TarEntry | undefined;
  let hash = createHash("sha256");
  using archive = openArchive([path]);
  const events = function* () {
    for (const chunk of archive.chunks()) yield* decoder.push(chunk);
  };
  for (const event of events()) {
    if (event.kind === "entry") {
      entry = event.entry;
      hash = createHash("sha256");
    } else if (event.kind === "data") hash.update(event.bytes);
    else if (entry !== undefined) {
      const name = entry.name.replace(/^\.?\//, "").replace(/\/$/, "");
      if (name !== "") files.set(name, described(entry, hash.digest("hex")));
    }
  }
  return files;
}

function described(entry: TarEntry, content: string): string {
  const { type, mode, uid, gid, linkname, mtime, xattrs } = entry;
  if (/(^|\/)\.wh\./.test(entry.name)) return "gone";
  const seconds = Number(mtime / 1_000_000_000n);
  return [
    type,
    mode.toString(8),
    `${uid}:${gid}`,
    linkname || "-",
    type === "file" ? content.slice(0, 12) : "-",
    seconds === contextTime ? "copied" : seconds < contextTime ? String(seconds) : "new",
    ...[...xattrs].map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`),
  ].join(" ");
}
