import { invalidArgument } from "../base/errors.ts";
import { composeExtents, type IdExtent, type IdMaps, withMaker } from "../linux/user-namespace.ts";

/**
 * Who owns on the host what the container's root owns in a mount: `uid` and `gid`, or, where they are not given, the
 * owner of the mount's source. All others are the same inside and outside.
 */
export interface IdMap {
  uid?: number;
  gid?: number;
}

/** The words of a mode (`-v src:dst:idmap,uid=1000`) or the value of the key `idmap` of `--mount` that tell of owners. */
export function isIdMapWord(word: string): boolean {
  return word === "idmap" || /^[ug]id=/.test(word);
}

/** No id: (uid_t) -1. */
const ids = 2 ** 32 - 1;

/** Undefined when no word asks for it. Throws `invalidArgument`. */
export function parseIdMap(words: readonly string[]): IdMap | undefined {
  const asked = words.filter(isIdMapWord);
  if (asked.length === 0) return undefined;
  const map: IdMap = {};
  for (const word of asked) {
    const [key = "", text] = word.split("=", 2);
    if (key === "idmap") continue;
    const id = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : ids;
    if (id >= ids) throw invalidArgument(`invalid ${key} of an idmap: '${text ?? ""}' is not an id`);
    map[key === "uid" ? "uid" : "gid"] = id;
  }
  return map;
}

/**
 * From the disk (`inside`) to what processes see (`outside`). The host's root, and inside the one who stands for the
 * container's root, are nobody: no process of the container can make files that belong to the host's root.
 */
function extents(owner: number): IdExtent[] {
  if (owner === 0) return [{ inside: 0, outside: 0, count: ids }];
  return [
    { inside: owner, outside: 0, count: 1 },
    ...(owner > 1 ? [{ inside: 1, outside: 1, count: owner - 1 }] : []),
    ...(owner + 1 < ids ? [{ inside: owner + 1, outside: owner + 1, count: ids - owner - 1 }] : []),
  ];
}

/**
 * `source`: the owner of what is mounted; `remapped`: what else happens to the container's ids. Undefined when all owners
 * stay the same.
 */
export function idMapsOf(
  map: IdMap,
  source: { uid: number; gid: number },
  remapped?: IdMaps,
): IdMaps | undefined {
  const { uid, gid } = { uid: source.uid, gid: source.gid, ...map };
  if (remapped) {
    return withMaker({
      uids: composeExtents(extents(uid), remapped.uids),
      gids: composeExtents(extents(gid), remapped.gids),
    });
  }
  return uid === 0 && gid === 0 ? undefined : { uids: extents(uid), gids: extents(gid) };
}
