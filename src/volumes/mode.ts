import { type IdMap, isIdMapWord, parseIdMap } from "./id-map.ts";
import type { PropagationMode } from "./mount-point.ts";

export const propagationModes: readonly PropagationMode[] = [
  "private",
  "rprivate",
  "shared",
  "rshared",
  "slave",
  "rslave",
];

export function isPropagationMode(text: string): text is PropagationMode {
  return (propagationModes as readonly string[]).includes(text);
}

/**
 * Words of a bind's mode; at most one of each group. Consistency has no effect on Linux. Nor have labels, as in a Docker
 * whose daemon was started without `--selinux-enabled`: its containers have no label that a file could share.
 */
const groups: readonly (readonly string[])[] = [
  ["ro", "rw"],
  ["z", "Z"],
  propagationModes,
  ["nocopy"],
  ["consistent", "cached", "delegated"],
];

export interface BindMode {
  readOnly: boolean;
  noCopy: boolean;
  propagation: PropagationMode | "";
  idMap: IdMap | undefined;
}

/**
 * What comes after the second colon of a bind (`ro,z,rslave`), or undefined when it is not of that form. Throws
 * `invalidArgument` for an id that is none.
 */
export function parseMode(text: string): BindMode | undefined {
  const words = text === "" ? [] : text.split(",");
  const used = words.map(groupOf);
  if (used.includes("") || new Set(used).size < used.length) return undefined;
  return {
    readOnly: words.includes("ro"),
    noCopy: words.includes("nocopy"),
    propagation: words.find(isPropagationMode) ?? "",
    idMap: parseIdMap(words),
  };
}

/** Of two words of one group only one may be given; empty for a word that means nothing. */
function groupOf(word: string): string {
  if (isIdMapWord(word)) return word.split("=", 1)[0] ?? "";
  const at = groups.findIndex((group) => group.includes(word));
  return at < 0 ? "" : String(at);
}
