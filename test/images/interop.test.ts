import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

/**
 * Other engines' clients read what was saved and pushed here, and the other way round; digests are the same everywhere.
 * skopeo is always there; podman and buildah where they are installed.
 */
let daemon: TestDaemon;
/** The image under test: layers that were pulled, and one that was made here. */
let name: string;
let id: string;
/** Its digest in the registry, where the layer that was made here is compressed. */
let pushedDigest: string;
let archive: string;

beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  name = `${daemon.registry.address}/interop/made:1`;
  await daemon.must("run", "--name", "maker", "busybox", "sh", "-c", "echo made here > /made; rm /bin/vi");
  await daemon.must("commit", "maker", name);
  await daemon.must("push", "-q", name);
  id = await daemon.must("image", "inspect", "--format", "{{.Id}}", name);
  const repoDigest = await daemon.must("image", "inspect", "--format", "{{index .RepoDigests 0}}", name);
  pushedDigest = repoDigest.split("@")[1] ?? "";
  archive = join(daemon.root, "saved.tar");
  await daemon.must("save", "-o", archive, name);
});

afterAll(() => daemon[Symbol.asyncDispose]());

/** What the command prints, trimmed; throws when it fails. */
async function must(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, { env: { HOME: daemon.root } });
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}: ${stderr}`);
  return stdout.trim();
}

const layersOf = (target: string) =>
  must("skopeo", "inspect", "--tls-verify=false", target).then((text) => JSON.parse(text).Layers as string[]);

test("skopeo finds the digests of ours in the registry and in both forms of the archive", async () => {
  const pushed = JSON.parse(await must("skopeo", "inspect", "--tls-verify=false", `docker://${name}`));
  expect(pushed.Digest).toBe(pushedDigest);
  const saved = JSON.parse(await must("skopeo", "inspect", `oci-archive:${archive}`));
  expect([saved.Digest, saved.Layers.length]).toEqual([id, pushed.Layers.length]);
  const busybox = `${daemon.registry.address}/library/busybox`;
  const there = JSON.parse(await must("skopeo", "inspect", "--tls-verify=false", `docker://${busybox}`));
  expect(there.Digest).toBe(await daemon.must("image", "inspect", "--format", "{{.Id}}", "busybox"));
  const asPulled = join(daemon.root, "busybox.tar");
  await daemon.must("save", "-o", asPulled, "busybox");
  expect(await layersOf(`oci-archive:${asPulled}`)).toEqual(there.Layers);
  const diffIds = JSON.parse(await daemon.must("image", "inspect", name))[0].RootFS.Layers;
  expect(await layersOf(`docker-archive:${archive}`)).toEqual(diffIds);
});

test("what skopeo has copied comes back as the same image", async () => {
  const copy = ["copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"];
  const again = `${daemon.registry.address}/interop/copied:1`;
  // It would compress what is plain.
  await must("skopeo", ...copy, "--preserve-digests", `oci-archive:${archive}`, `docker://${again}`);
  await daemon.must("pull", "-q", again);
  expect(await daemon.must("image", "inspect", "--format", "{{.Id}}", again)).toBe(id);
  const converted = join(daemon.root, "converted.tar");
  await must("skopeo", ...copy, `docker://${name}`, `docker-archive:${converted}:interop/converted:1`);
  expect(await daemon.must("load", "-i", converted)).toContain("Loaded image: interop/converted:1");
  expect(await daemon.must("run", "--rm", "interop/converted:1", "cat", "/made")).toBe("made here");
});

for (const tool of ["podman", "buildah"]) {
  const isHere = Bun.which(tool) !== null;
  test.skipIf(!isHere)(`${tool}${isHere ? "" : " (skipped: not installed)"} pulls and loads it`, async () => {
    const own = ["--root", join(daemon.root, tool), "--runroot", join(daemon.root, `${tool}-run`)];
    const call = (...args: string[]) => must(tool, ...own, "--storage-driver=vfs", ...args);
    const digest = ["--format", "{{.Digest}}"];
    const config = `sha256:${await call("pull", "-q", "--tls-verify=false", name)}`;
    const manifest = JSON.parse(
      await must("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}`),
    );
    expect(config).toBe(manifest.config.digest);
    expect(await call("images", ...digest, name)).toBe(pushedDigest);
    await call("rmi", name);
    await call("pull", "-q", `docker-archive:${archive}`);
    await call("pull", "-q", `oci-archive:${archive}`);
    const ids = await call("images", "-q", "--no-trunc");
    expect(ids.split("\n").some((line) => line.includes(manifest.config.digest))).toBe(true);
  });
}
