/** API versions that are served. */
export const maxApiVersion = "1.55";
export const minApiVersion = "1.24";

/**
 * Negative, zero or positive as API version `a` is before, equal to or after `b`. Numbers between dots, missing ones 0.
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const left = a.split(".");
  const right = b.split(".");
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = Number(left[i] ?? 0) - Number(right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** True when `version` is `least` or later. */
export function versionAtLeast(version: string, least: string): boolean {
  return compareVersions(version, least) >= 0;
}
