// The gate: sets up what the tests need, then runs everything, and ends with `N passed, N failed`.
// `npm test -- test/run` runs only the test files below the given paths.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { enginePackages, serverPackages, testPackages } from "./lib/packages.mjs";
import { installNodeModules, installPackages, installServers, root } from "./lib/setup.mjs";

const bun = join(root, "node_modules/.bin/bun");
const filters = process.argv.slice(2);

installNodeModules();
installNodeModules(join(root, "test/registry/s3-server"), { optional: true });
installPackages({ ...enginePackages, ...testPackages });
installServers(serverPackages);

const checks = [
  ["formatting and lint", "node_modules/.bin/biome", ["check", "--error-on-warnings", "."]],
  ["types", "node_modules/.bin/tsc", ["-p", "tsconfig.json"]],
  ["dead code", "node_modules/.bin/knip", []],
];

function testFiles(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => join(folder, file))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.startsWith(filter)))
    .sort();
}

/** Runs a command, shows its output in one piece when it is done, and returns that with the exit code. */
function runTogether(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: 1, output: `${command}: ${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

const total = { passed: 0, failed: 0 };

async function check([name, command, args]) {
  const { code, output } = await runTogether(join(root, command), args);
  if (code === 0) total.passed++;
  else total.failed++;
  process.stdout.write(`${code === 0 ? "ok  " : "FAIL"} ${name}\n${code === 0 ? "" : output}`);
}

const count = (output, word) => Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);

async function bunTest(files) {
  const { code, output } = await runTogether(bun, [
    "test",
    "--timeout=120000",
    ...files.map((file) => `./${file}`),
  ]);
  const failed = count(output, "fail") + count(output, "error");
  total.passed += count(output, "pass");
  // A run that breaks off without a count is a failure too.
  total.failed += failed > 0 ? failed : code === 0 ? 0 : 1;
  const name = files.length === 1 ? files[0] : `${files.length} files`;
  process.stdout.write(`${code === 0 ? "ok  " : "FAIL"} ${name}\n${code === 0 ? "" : output}`);
}

/** Files named `*.serial.test.ts` need the machine for themselves, and run last. */
async function inParallel(files, width) {
  const waiting = [...files];
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let file = waiting.shift(); file; file = waiting.shift()) await bunTest([file]);
    }),
  );
}

if (filters.length === 0) for (const one of checks) await check(one);
build();
const unit = [...testFiles("src"), ...testFiles("images"), ...testFiles("bench")];
if (unit.length > 0) await bunTest(unit);
const kernel = testFiles("test");
const serial = (file) => file.endsWith(".serial.test.ts");
await inParallel(
  kernel.filter((file) => !serial(file)),
  3,
);
await inParallel(kernel.filter(serial), 1);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
