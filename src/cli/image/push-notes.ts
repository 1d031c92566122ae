import type { Output } from "../streams.ts";

/** What the daemon says when it has pushed one platform instead of the whole index (Engine API, `aux` of a push). */
interface PushedInstead {
  manifestPushedInsteadOfIndex?: boolean;
  originalIndex?: { digest?: string };
  selectedManifest?: { digest?: string };
}

const style = (codes: string, text: string) => `${codes}${text}\x1b[0m`;
const strong = (text: string) => style("\x1b[1m", text);
const slanted = (text: string) => style("\x1b[3m", text);

/** What stands before a note for people; on a terminal in its colours. */
export function infoHeading(out: Output): string {
  return out.isTerminal
    ? `${style("\x1b[1m\x1b[106m\x1b[30m", "i")}\x1b[0m ${style("\x1b[96m", "Info → ")}\x1b[0m`
    : " Info -> ";
}

/** Lines under one heading. */
function note(out: Output, lines: readonly string[]): void {
  const shown = out.isTerminal ? lines.map(slanted) : lines;
  out.write(`\n${infoHeading(out)}${shown.join("\n         ")}\n`);
}

/** Before a push of one platform. */
export function notePlatform(out: Output): void {
  const name = out.isTerminal ? strong("--platform") : "--platform";
  note(out, [
    `Using ${name} pushes only the specified platform manifest of a multi-platform image index.`,
    "Other components, like attestations, will not be included.",
    `To push the complete multi-platform image, remove the ${name} flag.`,
    "",
  ]);
}

/** After a push, where `aux` says that a platform went instead of the index. */
export function notePushedInstead(out: Output, aux: unknown): void {
  const { manifestPushedInsteadOfIndex, originalIndex, selectedManifest } = (aux ?? {}) as PushedInstead;
  if (!manifestPushedInsteadOfIndex) return;
  const from = style("\x1b[31m", originalIndex?.digest ?? "");
  const to = style("\x1b[32m", selectedManifest?.digest ?? "");
  note(out, [
    "Not all multiplatform-content is present and only the available single-platform image was pushed",
    `${from} -> ${to}`,
  ]);
}
