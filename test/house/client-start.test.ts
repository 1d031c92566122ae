import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const source = join(import.meta.dir, "../../src");
/** Imports that are loaded at once: no types, and not those that `import()` loads when they are needed. */
const imports = /^(?:import|export) (?!type )(?:[^;]*? from )?"([^"]+)";$/gm;

/** All modules that loading `file` loads, with who asks for them first. */
function loadedBy(file: string, found = new Map<string, string>()): Map<string, string> {
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(imports)) {
    const target = name.startsWith(".") ? join(dirname(file), name) : name;
    if (found.has(target)) continue;
    found.set(target, file);
    if (name.startsWith(".")) loadedBy(target, found);
  }
  return found;
}

// What `docker run` loads until the container's output comes, and `docker build` until the context is sent.
// One more module of the runtime's own can cost it more
// time than all of ours together: node:fs 2 ms, node:crypto 3 ms, node:tty 8 ms.
test.each([
  "main/docker.ts",
  "cli/commands/container/run.ts",
  "cli/commands/container/create.ts",
  "cli/commands/container/exec.ts",
  "cli/commands/container/ls.ts",
  "cli/commands/container/rm.ts",
  "cli/commands/container/start.ts",
  "cli/commands/container/stop.ts",
  "cli/commands/image/ls.ts",
  "cli/commands/image/build.ts",
  "cli/build/modern.ts",
  "cli/container/attach-before-start.ts",
  "cli/container/signals.ts",
  "client/create.ts",
  "api/operation-of.ts",
  "api/operations/containers.ts",
  "api/operations/build.ts",
  "api/operations/ping.ts",
])("%s loads no slow module of the runtime", (file) => {
  const loaded = loadedBy(join(source, file));
  const others = [...loaded].filter(([name]) => !name.startsWith("/"));
  // The context of a build is read from the disk, whatever that costs.
  const needed = file.includes("build") ? ["node:fs", "node:path"] : [];
  expect(others.filter(([name]) => !needed.includes(name))).toEqual([]);
});

test("the client's requests do not load the whole table of operations", () => {
  expect([...loadedBy(join(source, "client/create.ts")).keys()]).not.toContain(
    join(source, "api/operations.ts"),
  );
});
