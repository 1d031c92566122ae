import { expect, test } from "bun:test";
import { operationOf } from "./operation-of.ts";
import { type OperationId, operations } from "./operations.ts";

test("each operation is the one of the table, wherever it is declared", async () => {
  for (const id of Object.keys(operations) as OperationId[]) {
    expect(await operationOf(id)).toBe(operations[id]);
  }
});
