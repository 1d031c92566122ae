import { runSupervisor } from "../runtime/supervisor/run.ts";

const usage = `Usage: longshore-supervisor --exec-root DIR [--debug]

Keeps the containers of one dockerd: their output, their terminals, their exit
codes. dockerd starts it, and it lives on when dockerd ends.
`;

/** The supervisor's program. Resolves to the exit code. */
export async function main(argv: string[]): Promise<number> {
  if (argv.includes("--help")) {
    process.stdout.write(usage);
    return 0;
  }
  const execRoot = argv[argv.indexOf("--exec-root") + 1];
  if (!argv.includes("--exec-root") || !execRoot?.startsWith("/")) {
    process.stderr.write(usage);
    return 2;
  }
  return runSupervisor({ execRoot, debug: argv.includes("--debug") });
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
