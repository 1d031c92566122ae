/**
 * Runs lists of shell commands against an engine, one after the other, and tells what came back in a form that two
 * engines can be compared by: ids, times, addresses and the like have names in place of their values.
 */
export interface Step {
  command: string;
  /** Lines of standard output, then those of standard error with `! ` before them, then the exit code. */
  lines: string[];
}

export interface Target {
  host: string;
  /** The folder in which a `docker` stands: the same client for both. */
  clientFolder: string;
  /** A port of the host that the commands may publish, as `$PORT`. */
  port: number;
  /** A folder for their files, `$TMP`. */
  folder: string;
  /** The beginning of a subnet that is free, `10.231.0`, as `$NET`. */
  net: string;
}

const values: readonly [RegExp, string][] = [
  [/sha256:[0-9a-f]{64}/g, "<digest>"],
  [/\b[0-9a-f]{64}\b/g, "<id>"],
  [/\b[0-9a-f]{12}\b/g, "<short id>"],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, "<time>"],
  [/\b(\d+ (seconds?|minutes?)|less than a second|about a minute)( ago)?\b/gi, "<span>"],
  [/\b172\.\d+\.\d+\.\d+\b/g, "<address>"],
  [/"Pid":\d+/g, '"Pid":<pid>'],
];

function normalised(line: string, { port, folder, net }: Target): string {
  const named = values.reduce((text, [pattern, name]) => text.replace(pattern, name), line);
  const own = named.replaceAll(String(port), "<port>").replaceAll(net, "<net>");
  return own.replaceAll(folder, "<folder>").trimEnd();
}

/** The Go client says this or not, as its archive was read by then or not when the daemon refuses. */
const clientsRace = /level=error msg="Can't (add file|close tar writer)/;

/** The commands of a list: one a line; `#` begins a comment. */
export function commandsOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

export async function runAll(commands: readonly string[], target: Target): Promise<Step[]> {
  const steps: Step[] = [];
  for (const command of commands) steps.push({ command, lines: await runOne(command, target) });
  return steps;
}

async function runOne(command: string, target: Target): Promise<string[]> {
  const { host, clientFolder, port, folder, net } = target;
  const child = Bun.spawn(["timeout", "-k", "1", "20", "sh", "-c", command], {
    env: {
      PATH: `${clientFolder}:/usr/bin:/bin:/usr/sbin:/sbin`,
      HOME: "/nonexistent",
      DOCKER_HOST: host,
      // What the older of the two knows.
      DOCKER_API_VERSION: "1.41",
      PORT: String(port),
      TMP: folder,
      NET: net,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const lines = (text: string, mark: string) =>
    text
      .split("\n")
      .filter((line) => line !== "" && !clientsRace.test(line))
      .map((line) => mark + normalised(line, target));
  return [...lines(out, ""), ...lines(err, "! "), `exit ${code}`];
}
