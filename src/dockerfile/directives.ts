import { DockerfileError } from "./errors.ts";

/** What the first comments of a Dockerfile say to its reader (Dockerfile reference, "Parser directives"). */
export interface Directives {
  /** The image of another frontend; informative, since the language is built in. */
  syntax?: string;
  /** What stands before a character that means nothing special, and at the end of a line that goes on. */
  escape: "\\" | "`";
  /**
   * Build checks to leave out and experimental ones to carry out (`all` for every one), and whether one that fails
   * fails the build.
   */
  check: { skip: string[]; experimental: string[]; error: boolean };
  /** How many lines they are: none of these is a comment. */
  lines: number;
}

const form = /^#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/;
const known = new Set(["syntax", "escape", "check"]);

/** Reads the directives at the top of `lines`: they end at the first line that is none. */
export function readDirectives(lines: readonly string[]): Directives {
  const values = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const [, name = "", value = ""] = form.exec(line.trim()) ?? [];
    const key = name.toLowerCase();
    if (!known.has(key)) break;
    const range = { start: index + 1, end: index + 1 };
    if (values.has(key)) throw new DockerfileError(`only one ${key} parser directive can be used`, range);
    if (key === "escape" && value !== "\\" && value !== "`") {
      throw new DockerfileError(`invalid escape token '${value}' does not match \` or \\`, range);
    }
    values.set(key, value);
  }
  const syntax = values.get("syntax");
  return {
    ...(syntax === undefined ? {} : { syntax }),
    escape: values.get("escape") === "`" ? "`" : "\\",
    check: readCheck(values.get("check") ?? ""),
    lines: values.size,
  };
}

/** `skip=A,B;error=true`, as the directive and `BUILDKIT_DOCKERFILE_CHECK` say it. */
export function readCheck(text: string): Directives["check"] {
  const check: Directives["check"] = { skip: [], experimental: [], error: false };
  for (const part of text.split(";").map((item) => item.trim())) {
    if (part === "") continue;
    const [key = "", value = ""] = part.split("=", 2).map((item) => item.trim());
    if (key === "skip" || key === "experimental") check[key] = value.split(",").map((item) => item.trim());
    else if (key === "error") check.error = boolean(value);
    else throw new DockerfileError(`failed to parse check options: invalid check option "${key}"`);
  }
  return check;
}

function boolean(text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new DockerfileError(
    `failed to parse check options: failed to parse check option "error=${text}": strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
