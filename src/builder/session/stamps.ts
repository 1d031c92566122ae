import type { FileList } from "../../archive/file-list.ts";
import { essence, fileKinds } from "../../archive/file-record.ts";

/**
 * Stands for the files that `paths` name, by what the client tells of them (kind, mode, size, time), for as long as it
 * tells the same. Paths with wildcards, or over symbolic links, stand for all files.
 */
export function stampOf(files: FileList, paths: readonly string[]): string {
  const prefixes = paths.map((path) => path.split("/").filter((part) => part !== "" && part !== "."));
  const isPlain = prefixes.every((parts) => isPlainPath(files, parts));
  const wanted = isPlain ? prefixes.map((parts) => parts.join("/")) : [""];
  const hash = new Bun.CryptoHasher("sha256");
  for (const path of wanted) {
    hash.update(JSON.stringify(path));
    files.each(path, (record) => hash.update(essence(record)));
  }
  return hash.digest("hex");
}

function isPlainPath(files: FileList, parts: readonly string[]): boolean {
  if (parts.some((part) => part === ".." || /[*?[\\]/.test(part))) return false;
  return parts.every((_, at) => {
    const file = files.find(parts.slice(0, at + 1).join("/"));
    return file !== undefined && file.kind !== fileKinds.symlink;
  });
}
