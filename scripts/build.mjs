// Makes the executables: one file, linked under each of its names.
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { installNodeModules, root, run } from "./lib/setup.mjs";

export const names = ["docker", "dockerd", "docker-registry", "longshore-supervisor", "longshore-resolver"];

/** Which functions the client's usual commands use; `npm run client-order` records it. */
export const clientOrder = join(root, "scripts/client.order");

/** Files that run in a Worker are entry points of their own: `*.worker.ts`. */
function workers(folder = join(root, "src")) {
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith(".worker.ts"))
    .map((file) => join("src", file))
    .sort();
}

function version() {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const commit =
    run("git", ["rev-parse", "--short", "HEAD"], { quiet: true, optional: true })?.trim() || "unknown";
  return { version, commit };
}

export function build(outdir = join(root, "dist")) {
  installNodeModules();
  const made = version();
  mkdirSync(outdir, { recursive: true });
  const file = join(outdir, "longshore");
  run("node_modules/.bin/bun", [
    "build",
    "--compile",
    // A program loads its own part of the file only: the client starts in half the time.
    "--splitting",
    "--minify",
    "--bytecode",
    "--format=esm",
    `--bytecode-order=${clientOrder}`,
    // Compiling what runs once costs a short command a third of its time (src/main/longshore.ts ends this).
    "--compile-jit-policy=50",
    // Otherwise the executable would load code from the directory that it is started in.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    `--define=BUILD_VERSION=${JSON.stringify(made.version)}`,
    `--define=BUILD_COMMIT=${JSON.stringify(made.commit)}`,
    "src/main/longshore.ts",
    ...workers(),
    `--outfile=${file}`,
  ]);
  for (const name of names) {
    rmSync(join(outdir, name), { force: true });
    linkSync(file, join(outdir, name));
  }
}

/** True when the executables are older than what they are made of. */
function isStale() {
  const executable = join(root, "dist/docker");
  if (!existsSync(executable)) return true;
  const made = statSync(executable).mtimeMs;
  return ["src", "images"].some((folder) =>
    readdirSync(join(root, folder), { recursive: true }).some(
      (file) => file.endsWith(".ts") && statSync(join(root, folder, file)).mtimeMs > made,
    ),
  );
}

/** Makes the executables when there are none, or when they are older than what they are made of. */
export function buildIfStale() {
  if (!isStale()) return;
  process.stderr.write("Building the executables …\n");
  build();
}

if (process.argv[1] === import.meta.filename) build();
