import { expect, test } from "bun:test";
import { parseTable } from "./top.ts";

const output = `    PID TTY      CMD
      7 ?        sh -c  sleep 1
     77 ?        other
`;

test("only the container's processes are listed, and the last column keeps its words", () => {
  expect(parseTable(output, new Set([7]))).toEqual({
    Titles: ["PID", "TTY", "CMD"],
    Processes: [["7", "?", "sh -c sleep 1"]],
  });
});

test("without process ids it cannot be told which are the container's", () => {
  expect(() => parseTable("CMD\nsh\n", new Set([7]))).toThrow("Couldn't find PID field in ps output");
});
