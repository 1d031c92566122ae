const slash = 0x2f;

/**
 * Compares two paths as a walk through a tree comes to them, names in the order of their bytes (UTF-8): a folder comes
 * before what is in it, and that before what follows the folder. Negative where `one` comes first, 0 where they are equal.
 */
export function comparePaths(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)];
    if (a !== b) return rank(a) - rank(b);
  }
  return one.length - other.length;
}

/** A slash ends a name, so it comes before what makes one longer. In UTF-8 surrogates come after all other units. */
function rank(unit: number): number {
  if (unit === slash) return -1;
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** True for `folder` and all below it; the empty path is the root. */
export const isWithin = (path: string, folder: string): boolean =>
  folder === "" || path === folder || (path.startsWith(folder) && path.charCodeAt(folder.length) === slash);
