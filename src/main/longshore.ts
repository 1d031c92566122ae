/**
 * The one executable: called by one of its names, it is that program. Each program is loaded only when it is asked
 * for, since the client's start-up time is the sum of what it loads.
 */

const programs: Record<string, () => Promise<{ main(argv: string[]): Promise<number> }>> = {
  docker: () => import("./docker.ts"),
  dockerd: () => import("./dockerd.ts"),
  "docker-registry": () => import("./registry.ts"),
  "longshore-supervisor": () => import("./supervisor.ts"),
  "longshore-resolver": () => import("./resolver.ts"),
};

/**
 * The executable starts with a compiler that waits fifty times as long before it compiles a function: most commands end
 * sooner than that would pay. A program that is still there after so many milliseconds gets the usual one.
 */
const startUp = 100;
setTimeout(() => Bun.unsafe.setJITPolicy(1), startUp).unref();

let argv = process.argv.slice(2);
// Not `node:path`: it takes half a millisecond to load.
let load = programs[process.argv0.slice(process.argv0.lastIndexOf("/") + 1)];
// Called by another name, run from source, or by a daemon that stands alone: the program is the first argument.
if (!load || argv[0]?.startsWith("longshore-")) {
  load = programs[argv[0] ?? ""];
  argv = argv.slice(1);
}
if (load) {
  const { main } = await load();
  process.exitCode = await main(argv);
} else {
  process.stderr.write(`usage: longshore ${Object.keys(programs).join(" | ")} [ARG...]\n`);
  process.exitCode = 2;
}

export {};
