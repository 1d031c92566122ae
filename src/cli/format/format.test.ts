import { describe, expect, test } from "bun:test";
import { ellipsis } from "./ellipsis.ts";
import { indentJson } from "./indent-json.ts";
import { checkFormat, formatRows, type RowKind } from "./rows.ts";
import { alignTabs } from "./tabwriter.ts";

describe("tables", () => {
  test("a column is as wide as its widest cell and three more, and ten at least", () => {
    expect(alignTabs("A\tBB\tC\nlonger than ten\tx\ty\n")).toBe(
      "A                 BB        C\nlonger than ten   x         y\n",
    );
  });

  test("a line without a cell ends the column, as in Go's text/tabwriter", () => {
    expect(alignTabs("aaaaaaaaaaaa\tb\nend\nc\td\n")).toBe("aaaaaaaaaaaa   b\nend\nc         d\n");
  });

  test("wide characters take two columns", () => {
    expect(alignTabs("日本\tx\nabcdefgh\ty\n", { minWidth: 0, padding: 1 })).toBe("日本     x\nabcdefgh y\n");
  });
});

const kind: RowKind<{ name: string; labels: Record<string, string> }> = {
  type: "formatter.thingContext",
  headers: { Name: "NAME", Labels: "LABELS" },
  columns: {
    Name: ({ name }) => name,
    Labels: ({ labels }) => Object.keys(labels).join(","),
    Label: { ofText: ({ labels }, key) => labels[key] ?? "" },
  },
};
const rows = [
  { name: "one", labels: { "a.b-c": "1" } },
  { name: "<two>", labels: {} },
];

describe("--format", () => {
  test("a table has the titles of its columns, and labels the last part of their names", () => {
    expect(formatRows(kind, rows, 'table {{.Name}}\\t{{.Label "a.b-c"}}\\t{{upper .Name}}')).toBe(
      "NAME      b c       NAME\none       1         ONE\n<two>               <TWO>\n",
    );
  });

  test("a table without rows is its titles", () => {
    expect(formatRows(kind, [], "table {{.Name}}\t{{.Labels}}")).toBe("NAME      LABELS\n");
  });

  test("json is a line for each row, with < and > escaped as Go does", () => {
    expect(formatRows(kind, rows, "json")).toBe(
      '{"Labels":"a.b-c","Name":"one"}\n{"Labels":"","Name":"\\u003ctwo\\u003e"}\n',
    );
  });

  test("a wrong template is told with the row's Go type", () => {
    expect(() => formatRows(kind, rows, "{{.Foo}}")).toThrow(
      'template parsing error: template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type *formatter.thingContext',
    );
  });

  test("the columns that a template shows are known before there are rows", () => {
    expect([...checkFormat(kind, "table {{.Name}} {{upper .Labels}}")]).toEqual(["Name", "Labels"]);
    expect([...checkFormat(kind, "{{json .}}")].sort()).toEqual(["Labels", "Name"]);
    expect(() => checkFormat(kind, "{{.Foo}}")).toThrow("failed to execute template: ");
  });
});

test("JSON is laid out anew without a change to its values", () => {
  const text = '{"a":[],"b":{ },"c":[1.0,12345678901234567890,{"d":"x\\"y: {,}"}],"e":null}';
  expect(indentJson(text)).toBe(`{
    "a": [],
    "b": {},
    "c": [
        1.0,
        12345678901234567890,
        {
            "d": "x\\"y: {,}"
        }
    ],
    "e": null
}`);
  expect(indentJson(`[ ${text} ]`, "")).toBe(`[${text.replace("{ }", "{}")}]`);
});

test("a text that is too long ends in an ellipsis, which takes a column", () => {
  expect(ellipsis("abcdef", 6)).toBe("abcdef");
  expect(ellipsis("abcdefg", 6)).toBe("abcde…");
  expect(ellipsis("日本語", 5)).toBe("日本…");
});
