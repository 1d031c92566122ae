import { describe, expect, test } from "bun:test";
import { Expander } from "./expand.ts";

const values: Record<string, string> = {
  a: "1",
  empty: "",
  path: "/x/y/z.tar.gz",
  two: "p q",
  str: "foobarbaz",
};
const variables = (name: string) => values[name];
const word = (text: string, escapeToken = "\\") => new Expander(escapeToken).word(text, variables).value;
const words = (text: string) => new Expander("\\").words(text, variables).value;

const cases: [string, string][] = [
  ["$a", "1"],
  ["x${a}y", "x1y"],
  ["$ab", ""],
  ["\\$a", "$a"],
  ["'$a'", "$a"],
  ['"$a \\$a \\x"', "1 $a \\x"],
  ["${a:-w}", "1"],
  ["${empty:-w}", "w"],
  ["${empty-w}", ""],
  ["${no-w$a}", "w1"],
  ["${no:-${a:-z}}", "1"],
  ["${a:+w}", "w"],
  ["${empty:+w}", ""],
  ["${empty+w}", "w"],
  ["${no+w}", ""],
  ["${a?gone}", "1"],
  ["${path#*/}", "x/y/z.tar.gz"],
  ["${path##*/}", "z.tar.gz"],
  ["${path%.*}", "/x/y/z.tar"],
  ["${path%%.*}", "/x/y/z"],
  ["${str/ba/fo}", "fooforbaz"],
  ["${str//ba/fo}", "fooforfoz"],
  ["${str/b?r/}", "foobaz"],
  ["$", "$"],
  ["a$", "a$"],
  ["$1", ""],
];

test.each(cases)("%s is %s", (text, value) => expect(word(text)).toBe(value));

test("the escape may be another", () => expect(word("c:\\x `$a", "`")).toBe("c:\\x $a"));

describe("words", () => {
  test("part at spaces, and at those of variables without quotes", () => {
    expect(words(`a  $two "$two" ''`)).toEqual(["a", "p", "q", "p q", ""]);
    expect(words("x${no:-1 2}y")).toEqual(["x1", "2y"]);
  });
});

test("what has no value is told", () => {
  expect(new Expander("\\").word("$no ${nor} ${a} ${never:-x}", variables).unset).toEqual([
    ...["no", "nor", "never"],
  ]);
});

test.each([
  ["${a", "syntax error: missing '}'"],
  ["${}", "syntax error: bad substitution"],
  ["${", "syntax error: missing '}'"],
  ["${a:-b", "syntax error: missing '}'"],
  ["${a/b", "syntax error: missing '/' in ${}"],
  ["${a/b/c", "syntax error: missing '}'"],
  ["${a/b\\c/}", "invalid pattern (b\\c) in substitution: invalid escape '\\c'"],
  ["${a#b\\c}", "invalid pattern (b\\c) in substitution: invalid escape '\\c'"],
  ["${a^b}", "unsupported modifier (^) in substitution"],
  ["${a:b}", "unsupported modifier (:b) in substitution"],
  ["${no:?say it}", "no: say it"],
  ["${no?}", "no: is not allowed to be unset"],
  ["'a", "unexpected end of statement while looking for matching single-quote"],
  ['"a', "unexpected end of statement while looking for matching double-quote"],
])("%s is refused", (text, message) => expect(() => word(text)).toThrow(message));

test.each([
  [`'$a' "$a"`, `'1' "1"`],
  ["don't", "don't"],
  ['5"', '5"'],
  ["\\$a \\\\\n\\n", "$a \\\nn"],
])("%j, quotes being kept, is %j", (text, expected) => {
  expect(new Expander("\\").word(text, variables, { keepQuotes: true }).value).toBe(expected);
});
