import { invalidArgument } from "../base/errors.ts";

const bitsOf: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 };
const shiftOf: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/**
 * A mode as chmod(1) takes it: octal (`0644`), or symbolic (`u=rwX,go-w`). Returns what becomes of a mode (permission,
 * set-id and sticky bits). Throws `invalidArgument`.
 */
export function parseFileMode(text: string): (mode: number, isDirectory: boolean) => number {
  if (/^[0-7]{1,4}$/.test(text)) return () => Number.parseInt(text, 8);
  const steps = text.split(",").map((clause) => parseClause(clause, text));
  return (mode, isDirectory) => steps.reduce((now, step) => step(now, isDirectory), mode & 0o7777);
}

function parseClause(clause: string, text: string): (mode: number, isDirectory: boolean) => number {
  const [, who = "", operator = "", what = ""] = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(clause) ?? [];
  if (operator === "") {
    throw invalidArgument(
      `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
    );
  }
  const classes = who === "" || who.includes("a") ? ["u", "g", "o"] : [...who];
  return (mode, isDirectory) => {
    const bits = classes.reduce((sum, name) => sum | bitsFor(name, what, mode, isDirectory), 0);
    if (operator === "+") return mode | bits;
    if (operator === "-") return mode & ~bits;
    const cleared = classes.reduce((sum, name) => sum | (7 << (shiftOf[name] ?? 0)), 0);
    return (mode & ~cleared) | bits;
  };
}

function bitsFor(name: string, what: string, mode: number, isDirectory: boolean): number {
  let bits = 0;
  for (const letter of what) bits |= (bitsOf[letter] ?? 0) << (shiftOf[name] ?? 0);
  // `X`: only where somebody may execute already, and for directories.
  if (what.includes("X") && (isDirectory || (mode & 0o111) !== 0)) bits |= 1 << (shiftOf[name] ?? 0);
  if (what.includes("s") && name === "u") bits |= 0o4000;
  if (what.includes("s") && name === "g") bits |= 0o2000;
  if (what.includes("t")) bits |= 0o1000;
  return bits;
}
