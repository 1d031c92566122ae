import { expect, test } from "bun:test";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { summary, TestRegistry } from "./fixture.ts";

/** Follows `Link` headers to the end; returns each page's entries. */
async function pages(registry: TestRegistry, path: string, key: string): Promise<string[][]> {
  const found: string[][] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer = await registry.fetch("GET", next);
    expect(answer.status).toBe(200);
    found.push(((await answer.json()) as Record<string, string[]>)[key] ?? []);
    next = /^<(.+)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  return found;
}

test("tags are listed in order, in pages", async () => {
  await using registry = await TestRegistry.start();
  const { document } = await registry.pushImage("a/b", "v1", "content");
  for (const tag of ["v10", "v2", "Latest", "_x"]) await registry.putManifest("a/b", tag, document);
  const all = ["Latest", "_x", "v1", "v10", "v2"];
  expect(await pages(registry, "a/b/tags/list", "tags")).toEqual([all]);
  expect(await pages(registry, "a/b/tags/list?n=2", "tags")).toEqual([
    ["Latest", "_x"],
    ["v1", "v10"],
    ["v2"],
  ]);
  expect(await pages(registry, "a/b/tags/list?n=5", "tags")).toEqual([all]);
  expect(await pages(registry, "a/b/tags/list?n=0", "tags")).toEqual([[]]);
  expect(await pages(registry, "a/b/tags/list?last=v1", "tags")).toEqual([["v10", "v2"]]);
  expect((await registry.fetch("GET", "a/b/tags/list?n=-1")).status).toBe(400);
  expect(await summary(await registry.fetch("GET", "a/tags/list"))).toEqual([404, "NAME_UNKNOWN"]);
});

test("the catalog has the repositories with manifests, nested ones too, in pages", async () => {
  await using registry = await TestRegistry.start();
  for (const name of ["b", "a/b/c", "a", "a-b"]) await registry.pushImage(name, "x", "content");
  await registry.pushBlob("only/blobs", "content");
  expect(await pages(registry, "_catalog", "repositories")).toEqual([["a", "a-b", "a/b/c", "b"]]);
  expect(await pages(registry, "_catalog?n=3", "repositories")).toEqual([["a", "a-b", "a/b/c"], ["b"]]);
});

test("referrers are listed for a subject that is there, that is not yet there, and until they are deleted", async () => {
  await using registry = await TestRegistry.start();
  const subject = { mediaType: mediaTypes.ociManifest, digest: sha256Of("to come"), size: 7 };
  const list = async (query = "") => {
    const answer = await registry.fetch("GET", `a/referrers/${subject.digest}${query}`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, mediaTypes.ociIndex]);
    const { manifests } = (await answer.json()) as { manifests: { digest: string }[] };
    return { manifests, filters: answer.headers.get("oci-filters-applied") };
  };
  expect((await list()).manifests).toEqual([]);

  const annotations = { "org.example.kind": "sbom" };
  const plain = await registry.pushImage("a", "signature", "one", { subject });
  const typed = await registry.pushImage("a", "sbom", "two", {
    subject,
    annotations,
    artifactType: "example/sbom",
  });
  const put = await registry.putManifest("a", "signature", plain.document);
  expect(put.headers.get("oci-subject")).toBe(subject.digest);
  const { manifests, filters } = await list();
  expect(filters).toBeNull();
  expect(manifests).toHaveLength(2);
  expect(manifests).toContainEqual({ ...plain.descriptor, artifactType: mediaTypes.ociConfig } as never);
  const sbom = { ...typed.descriptor, annotations, artifactType: "example/sbom" };
  expect(manifests).toContainEqual(sbom);
  expect(await list("?artifactType=example/sbom")).toEqual({ manifests: [sbom], filters: "artifactType" });

  await registry.fetch("DELETE", `a/manifests/${typed.digest}`);
  expect((await list()).manifests.map(({ digest }) => digest)).toEqual([plain.digest]);
  expect((await registry.fetch("GET", "a/referrers/nonsense")).status).toBe(400);
});

test("more referrers than one index can hold come in pages", async () => {
  await using registry = await TestRegistry.start();
  const subject = { mediaType: mediaTypes.ociManifest, digest: sha256Of("subject"), size: 7 };
  const pushed: string[] = [];
  for (const content of ["one", "two", "three"]) {
    const annotations = { long: content.padEnd(2_000_000, ".") };
    pushed.push((await registry.pushImage("a", content, content, { subject, annotations })).digest);
  }
  const found = await pages(registry, `a/referrers/${subject.digest}`, "manifests");
  expect(found.map((page) => page.length)).toEqual([2, 1]);
  const digests = (found.flat() as unknown as { digest: string }[]).map(({ digest }) => digest);
  expect(digests).toEqual(pushed.sort());
});
