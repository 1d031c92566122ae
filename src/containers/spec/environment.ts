/** Where programs are looked for when neither image nor user say. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface EnvironmentInput {
  hostname: string;
  tty: boolean;
  /** From the user database. */
  home: string;
  /** Each list over those before it; `NAME` without a value takes away what the earlier lists say. */
  layers: readonly (readonly string[])[];
}

/** The environment of a process, as `NAME=value`: Docker's own first, each name once, in the place of its first use. */
export function environment({ hostname, tty, home, layers }: EnvironmentInput): string[] {
  const values = new Map<string, string>([
    ["PATH", defaultPath],
    ["HOSTNAME", hostname],
  ]);
  if (tty) values.set("TERM", "xterm");
  for (const layer of layers) apply(values, layer);
  if (!values.get("HOME")) {
    values.delete("HOME");
    values.set("HOME", home);
  }
  return Array.from(values, ([name, value]) => `${name}=${value}`);
}

function apply(values: Map<string, string>, layer: readonly string[]) {
  const earlier = new Set(values.keys());
  const own = new Set<string>();
  for (const entry of layer) {
    const equals = entry.indexOf("=", 1);
    if (equals >= 0) {
      own.add(entry.slice(0, equals));
      values.set(entry.slice(0, equals), entry.slice(equals + 1));
    } else if (earlier.has(entry) && !own.has(entry)) values.delete(entry);
  }
}
