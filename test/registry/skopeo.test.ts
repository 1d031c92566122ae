import { expect, test } from "bun:test";
import { pushTo } from "../../images/push.ts";
import { builtInImages, seedImages } from "../../images/seed.ts";
import { TestRegistry } from "./fixture.ts";

/** A client that others wrote, which pushes in chunks, mounts, and checks all digests. */
async function skopeo(...argv: string[]): Promise<string> {
  const child = Bun.spawn(["skopeo", ...argv], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect([stderr, code]).toEqual([expect.any(String), 0]);
  return stdout;
}

test.skipIf(!Bun.which("skopeo"))(
  "skopeo reads, copies, converts, lists and deletes the built-in images",
  async () => {
    await using registry = await TestRegistry.start();
    const stored = await seedImages(await builtInImages({ busybox: "/bin/busybox" }), pushTo(registry.url));
    const source = (name: string) => `docker://${registry.host}/${name}`;
    const copy = ["copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];

    await skopeo(...copy, "--all", source("library/hello-world"), `oci:${registry.root}/layout:hello`);
    await skopeo(...copy, "--all", `oci:${registry.root}/layout:hello`, source("team/hello:1"));
    const copied = await registry.fetch("HEAD", "team/hello/manifests/1");
    expect(copied.headers.get("docker-content-digest")).toBe(stored.get("library/hello-world:latest") ?? "");

    await skopeo(...copy, "--format", "v2s2", source("library/busybox"), source("team/busybox:docker"));
    await skopeo(...copy, source("library/busybox"), source("team/busybox:oci"));
    const tags = JSON.parse(await skopeo("list-tags", "--tls-verify=false", source("team/busybox")));
    expect(tags.Tags).toEqual(["docker", "oci"]);
    await skopeo("delete", "--tls-verify=false", source("team/busybox:docker"));
    const left = await registry.fetch("GET", "team/busybox/tags/list");
    expect(await left.json()).toEqual({ name: "team/busybox", tags: ["oci"] });
  },
);
