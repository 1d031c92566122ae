/** COPY, ADD and WORKDIR: whose the files are, and what `--exclude` leaves out. What is copied is read from the tar of a result. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  folder = mkdtempSync(join(tmpdir(), "longshore-copy-"));
  for (const name of ["g/a.txt", "g/b.md", "g/sub/c.md", "g/sub/d.txt", "hom1.txt", "hom2.md"]) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), name);
  }
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What is below /x after `lines`, with its owners, and what was said. */
async function copied(...lines: string[]): Promise<{ files: string[]; said: string }> {
  const dockerfile = join(folder, `Dockerfile-${Bun.hash(lines.join("\n"))}`);
  writeFileSync(
    dockerfile,
    ["FROM busybox AS made", ...lines, "FROM scratch", "COPY --from=made /x /x"].join("\n"),
  );
  const tar = `${dockerfile}.tar`;
  const args = ["--progress=plain", "-f", dockerfile, "--output", `type=tar,dest=${tar}`, folder];
  const { code, stderr } = await daemon.docker("build", ...args);
  if (code !== 0) throw new Error(stderr);
  const { stdout } = await run(["tar", "--numeric-owner", "-tvf", tar]);
  const files = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(/\s+/))
    .map(([, owner, , , , path]) => `${path?.replace(/^(\.\/)?x\/?/, "")} ${owner}`);
  return { files: files.filter((one) => !one.startsWith(" ")).sort(), said: stderr };
}

test.each([
  ["daemon", "1/1", ""],
  ["7", "7/7", ""],
  [":daemon", "0/1", ""],
  ["nouser", "0/0", "no user nouser in the image: the files belong to 0:"],
  ["nouser:5", "0/5", "no user nouser in the image: the files belong to 0:"],
  ["daemon:nogroup-x", "1/1", "no group nogroup-x in the image: the files belong to 1:1"],
  ["3:nogroup-x", "3/3", "no group nogroup-x in the image: the files belong to 3:3"],
  ["4294967296", "0/0", "no user 4294967296 in the image: the files belong to 0:"],
])("--chown=%s: %s", async (owner, expected, warning) => {
  for (const keyword of ["COPY", "ADD", "COPY --link"]) {
    const { files, said } = await copied(`${keyword} --chown=${owner} g/a.txt /x/`);
    expect(files).toEqual([`a.txt ${expected}`]);
    if (warning === "") expect(said).not.toContain("no user");
    else expect(said).toContain(warning);
  }
});

test("WORKDIR for a user that is not there: the folder is root's, and that is said", async () => {
  const { files, said } = await copied("USER nouser", "WORKDIR /x/y");
  expect(files).toEqual(["y/ 0/0"]);
  expect(said).toContain("no user nouser in the image");
  expect((await copied("USER 7", "WORKDIR /x/z")).files).toEqual(["z/ 7/7"]);
});

test.each([
  ["*.md", "g/*", ["a.txt", "d.txt"]],
  ["*.txt", "hom*", ["hom2.md"]],
  ["*.md", "g", ["a.txt", "sub/", "sub/c.md", "sub/d.txt"]],
  ["**/*.md", "g", ["a.txt", "sub/", "sub/d.txt"]],
  ["b.md", "g/a.txt g/b.md", ["a.txt"]],
])(
  "--exclude=%s %s: what matches is left out, as the reference of Dockerfiles has it",
  async (pattern, sources, left) => {
    const { files } = await copied(`COPY --exclude=${pattern} ${sources} /x/`);
    expect(files).toEqual(left.map((path) => `${path} 0/0`));
  },
);

test("--from=scratch has no files, and asks no registry", async () => {
  await expect(copied("COPY --from=scratch g/a.txt /x/")).rejects.toThrow("/g/a.txt");
  const { files } = await copied("RUN --mount=from=scratch,target=/nothing mkdir /x && ls /nothing > /x/f");
  expect(files).toEqual(["f 0/0"]);
});
