import { runResolver } from "../network/dns/run.ts";

const usage = `Usage: longshore-resolver --exec-root DIR

Answers the names of one dockerd's containers. dockerd starts it, and it lives
on when dockerd ends.
`;

/** The resolver's program. Resolves to the exit code. */
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
  return runResolver({ execRoot });
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
