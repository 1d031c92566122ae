import type { LineRange } from "./errors.ts";

/** Lines of a Dockerfile as BuildKit's answers give them (solver/pb, Location). */
export interface Location {
  ranges: { start: { line: number }; end: { line: number } }[];
}

export function locationOf({ start, end }: LineRange): Location {
  return { ranges: [{ start: { line: start }, end: { line: end } }] };
}

/** What the comments right above say of `name`: the line that begins with it, without it. */
export function commentOn(comments: readonly string[], name: string): string {
  const line = name === "" ? undefined : comments.find((one) => one.startsWith(`${name} `));
  return line === undefined ? "" : line.slice(name.length + 1);
}
