import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "./database.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "longshore-database-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const migrations = [{ id: "a", sql: "CREATE TABLE things (name TEXT PRIMARY KEY) STRICT;" }];
const open = () => Database.open(join(folder, "test.db"), migrations);
const count = (database: Database) => database.all("SELECT name FROM things").length;

test("a step of the schema is applied once, however often the database is opened", () => {
  for (const name of ["one", "two"]) {
    using database = open();
    database.run("INSERT INTO things VALUES (?)", name);
  }
  using database = open();
  expect(count(database)).toBe(2);
});

test("a transaction that throws leaves nothing, and a relaxed one within it goes with it", () => {
  using database = open();
  const fails = () =>
    database.transaction(() => {
      database.relaxed(() => database.run("INSERT INTO things VALUES ('x')"));
      throw new Error("no");
    });
  expect(fails).toThrow("no");
  expect(count(database)).toBe(0);
  database.relaxed(() => database.run("INSERT INTO things VALUES ('x')"));
  expect(count(database)).toBe(1);
});
