import { expect, test } from "bun:test";
import { markdown } from "./markdown.ts";

const cells = (...[a, b, c, d]: string[]) =>
  `<div class="scroll"><table><thead><tr><th>${a}</th><th>${b}</th></tr></thead><tbody><tr><td>${c}</td><td>${d}</td></tr></tbody></table></div>`;

test.each([
  ["## Use #\n\ntext", "<h3>Use</h3>\n<p>text</p>"],
  ["a **b** `c*d*` _e_", "<p>a <strong>b</strong> <code>c*d*</code> <em>e</em></p>"],
  ["``a ` b`` `` `c` `` `d", "<p><code>a ` b</code> <code>`c`</code> `d</p>"],
  ["a | b\n:-- | --:\n`c` | d\n", cells("a", "b", "<code>c</code>", "d")],
  ["a | b\n", "<p>a | b</p>"],
  ["- a\n- b", "<ul><li>a</li><li>b</li></ul>"],
  ["1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"],
  ["> a\n> b", "<blockquote><p>a b</p></blockquote>"],
  ["```\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"],
  ["[a](https://b.example)", '<p><a href="https://b.example" rel="nofollow noopener">a</a></p>'],
  ["[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"],
  ["[a](data:text/html,x)", "<p>a</p>"],
  ["<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"],
  ['[a](https://b/"onclick=x)', '<p><a href="https://b/&quot;onclick=x" rel="nofollow noopener">a</a></p>'],
])("%p", (text, expected) => {
  expect(markdown(text).text).toBe(expected);
});

const patterns = [
  "[",
  "`",
  "#",
  " ",
  "*a ",
  "**a",
  "(https://",
  "[](",
  '[a](b "',
  "- ",
  "|",
  "-|",
  "> ",
  "a\n",
  "- a\n",
];
test.each(patterns)("a long text of %p is read in a moment", (piece) => {
  for (const text of [piece.repeat(60_000), `# ${piece.repeat(2000)}x\n`.repeat(20)]) {
    // The test itself would take minutes if an expression tried its ways through the text.
    expect(markdown(text).text.length).toBeGreaterThanOrEqual(0);
  }
});

test.each([
  ["backticks", `x${"`".repeat(4000)}\n\n`],
  ["spaces below a head", `a|b\n-${" ".repeat(4000)}x\n\n`],
])("long lines of %s are read in a moment", (_, lines) => {
  expect(markdown(lines.repeat(200)).text.length).toBeGreaterThan(0);
});
