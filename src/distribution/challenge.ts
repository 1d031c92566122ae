/** One way to authenticate that a server offers in `WWW-Authenticate` (RFC 9110 section 11.6.1). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  scheme: string;
  /** Names in lower case. */
  parameters: Record<string, string>;
}

const maxLength = 16 * 1024;
const scheme = /\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s+|$|,)/y;
const parameter = /\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/y;

/** Parses the value of `WWW-Authenticate`; what cannot be understood is left out. */
export function parseChallenges(header: string | null): Challenge[] {
  const challenges: Challenge[] = [];
  const text = (header ?? "").slice(0, maxLength);
  let at = 0;
  while (at < text.length) {
    scheme.lastIndex = at;
    const start = scheme.exec(text);
    if (!start) break;
    at = scheme.lastIndex;
    const challenge: Challenge = { scheme: (start[1] ?? "").toLowerCase(), parameters: {} };
    for (;;) {
      parameter.lastIndex = at;
      const match = parameter.exec(text);
      if (!match) break;
      at = parameter.lastIndex;
      const value = match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? "";
      challenge.parameters[(match[1] ?? "").toLowerCase()] = value;
    }
    challenges.push(challenge);
  }
  return challenges;
}
