import { expect, test } from "bun:test";
import type { CommandNode } from "./command.ts";
import { tree } from "./tree.ts";

async function* leaves(
  nodes: readonly CommandNode[],
  path = "docker",
): AsyncGenerator<[string, CommandNode]> {
  for (const node of nodes) {
    if (node.children) yield* leaves(node.children, `${path} ${node.name}`);
    else yield [`${path} ${node.name}`, node];
  }
}

test("every command loads, and its short flags are each one flag's", async () => {
  for await (const [path, node] of leaves(tree)) {
    const command = (await node.load?.())?.default;
    expect([path, command !== undefined]).toEqual([path, true]);
    const shorts = Object.values(command?.flags ?? {}).flatMap(({ short }) => short ?? []);
    expect([path, shorts.length]).toEqual([path, new Set(shorts).size]);
  }
});

test("each way to call a command that help lists is one", async () => {
  const known = new Set<string>();
  for await (const [path, node] of leaves(tree)) {
    known.add(path);
    for (const alias of node.aliases ?? []) known.add(`${path.slice(0, path.lastIndexOf(" "))} ${alias}`);
  }
  for await (const [, node] of leaves(tree)) {
    for (const path of node.paths ?? []) expect([path, known.has(path)]).toEqual([path, true]);
  }
});
