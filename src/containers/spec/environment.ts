/** Where programs are looked for when neither image nor user say. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface EnvironmentInput {
  hostname: string;
  tty: boolean;
  /** From the user database. */
  home: string;
  /** Each list over those before it; `NAME` without a value takes the name away. */
  layers: readonly (readonly string[])[];
}

/** The environment of a process, as `NAME=value`: Docker's own first, each name once, in the place of its first use. */
export function environment({ hostname, tty, home, layers }: EnvironmentInput): string[] {
  const values = new Map<string, string>([
    ["PATH", defaultPath],
    ["HOSTNAME", hostname],
  ]);
  if (tty) values.set("TERM", "xterm");
  for (const entry of layers.flat()) {
    const equals = entry.indexOf("=", 1);
    if (equals < 0) values.delete(entry);
    else values.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  if (!values.get("HOME")) {
    values.delete("HOME");
    values.set("HOME", home);
  }
  return Array.from(values, ([name, value]) => `${name}=${value}`);
}
