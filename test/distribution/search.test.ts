import { expect, test } from "bun:test";
import { search } from "../../src/distribution/search.ts";
import { testTransport } from "./stores.ts";
import { TestRegistry } from "./test-registry.ts";

test("a search asks the registry that the term names, and trusts nothing that it says", async () => {
  await using registry = await TestRegistry.start();
  const results = [
    { name: "team/web", description: "The web", star_count: 3, is_official: true },
    { name: "team/bare", description: null },
  ];
  registry.decide = () => ({ status: 200, body: JSON.stringify({ results }) });
  const found = await search(testTransport(), { term: `${registry.host}/web server`, limit: 2 });
  expect(found).toEqual([
    { name: "team/web", description: "The web", starCount: 3, isOfficial: true, isAutomated: false },
    { name: "team/bare", description: "", starCount: 0, isOfficial: false, isAutomated: false },
  ]);
  expect(registry.requests.at(-1)?.path).toBe("/v1/search?q=web+server&n=2");
  registry.decide = () => ({ status: 200, body: '{"results":[{"name":7}]}' });
  await expect(search(testTransport(), { term: `${registry.host}/x` })).rejects.toThrow(
    "name is not a string",
  );
  await search(testTransport(), { term: `${registry.host}/x` }).catch(() => {});
});

test("limits are Docker's", async () => {
  for (const limit of [0, 101, 1.5]) {
    await expect(search(testTransport(), { term: "x", limit })).rejects.toThrow(
      `Limit ${limit} is outside the range of [1, 100]`,
    );
  }
});
