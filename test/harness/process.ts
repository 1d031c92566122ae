import { join } from "node:path";

/** Where the executables are: those of the last build, unless `LONGSHORE_DIST` names others. */
export const dist = process.env.LONGSHORE_DIST ?? join(import.meta.dir, "../../dist");

export interface Finished {
  stdout: string;
  stderr: string;
  code: number;
}

/** Runs a command to its end. `input` goes to its standard input, which is closed after it. */
export async function run(
  command: readonly string[],
  options: { env?: Record<string, string>; input?: string | Uint8Array; cwd?: string } = {},
): Promise<Finished> {
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...options.env },
    stdin: options.input === undefined ? "ignore" : Buffer.from(options.input),
    stdout: "pipe",
    stderr: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

/** As `run`; throws what was said when it fails. What was written to standard output. */
export async function mustRun(...[command, options]: Parameters<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await run(command, options);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}: ${stderr}`);
  return stdout;
}

/** Asks again every 20 ms until `condition` holds; throws with `what` after `seconds`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  seconds = 20,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${seconds} s for: ${what}`);
    await Bun.sleep(20);
  }
}

/** Waits until `list` gives nothing any more; throws with what it still gives after `seconds`. */
export async function untilEmpty(what: string, list: () => Promise<string[]>, seconds = 20): Promise<void> {
  let last: string[] = [];
  const empty = async () => {
    last = await list();
    return last.length === 0;
  };
  try {
    await until(what, empty, seconds);
  } catch (error) {
    throw new Error(`${(error as Error).message}:\n${last.join("\n")}`);
  }
}

/** The clients that a daemon must satisfy, for `test.each`: ours, and Docker's own where the host has it. */
export const clients: [name: string, program: string][] = [["our client", join(dist, "docker")]];
const dockers = Bun.which("docker");
if (dockers) clients.push(["Docker's client", dockers]);
