import { invalidArgument } from "./errors.ts";

/** The letters of `text` that mean something in a regular expression made to mean themselves. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/**
 * The pattern of a substitution as the source of a regular expression: `*` is any text, `?` any character, `\`
 * before one of these takes its meaning away (Dockerfile reference, "Environment replacement").
 */
export function globToRegExp(pattern: string): string {
  let source = "";
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    if (char === "\\" && i + 1 < pattern.length) source += literal(pattern.charAt(++i));
    else if (char === "*") source += ".*";
    else if (char === "?") source += ".";
    else source += literal(char);
  }
  return source;
}

/**
 * A pattern of paths as the source of a regular expression: as Go's `filepath.Match`, and `**` for any number of
 * folders (moby's patternmatcher). Throws `invalidArgument`.
 */
export function globSource(pattern: string): string {
  let result = "";
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    if (pattern.startsWith("**", i)) {
      i += pattern.charAt(i + 2) === "/" ? 2 : 1;
      result += i + 1 >= pattern.length ? ".*" : "(?:.*/)?";
    } else if (char === "*") result += "[^/]*";
    else if (char === "?") result += "[^/]";
    else if (char === "\\" && i + 1 < pattern.length) result += literal(pattern.charAt(++i));
    else if (char === "[") {
      const end = pattern.indexOf("]", i + 2);
      if (end < 0) throw invalidArgument(`syntax error in pattern: ${JSON.stringify(pattern)}`);
      result += `[${pattern.slice(i + 1, end).replace(/[[&\\]/g, "\\$&")}]`;
      i = end;
    } else result += literal(char);
  }
  return result;
}

/** What a pattern of paths matches. Throws `invalidArgument`. */
export function pathGlob(pattern: string): RegExp {
  return new RegExp(`^${globSource(pattern)}$`, "su");
}
