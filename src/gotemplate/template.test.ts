import { describe, expect, test } from "bun:test";
import { parseDeclarations, typedValue } from "./declarations.ts";
import { parseTemplate } from "./template.ts";
import { fromJson } from "./types.ts";

const types = parseDeclarations(`
container.NetworkMode string
container.Health {
  Status string
}
container.State {
  Status string
  ExitCode int
  Health *container.Health ?
}
container.Base {
  ID string Id
  State *container.State
}
container.Inspect {
  @*container.Base
  Name string
  Args []string
  Labels map[string]string
  Mode container.NetworkMode
  Created time.Time
  Size *int64 ?
}
`);
const json = {
  Id: "abc",
  Name: "/one",
  State: { Status: "exited", ExitCode: 4 },
  Args: ["-c", "echo hi"],
  Labels: { b: "2", a: "1" },
  Mode: "default",
  Created: "2026-11-21T08:28:42.52248579Z",
};
const typed = typedValue(types, "container.Inspect", json);

function run(text: string): string {
  try {
    return parseTemplate(text).execute(typed);
  } catch (error) {
    return `! ${error instanceof Error ? error.message : error}`;
  }
}

/** Each pair was checked against Go's own text/template. */
const results: Record<string, [template: string, result: string][]> = {
  "values as fmt prints them": [
    ["{{.State}}", "{exited 4 <nil>}"],
    [
      "{{.Args}} {{.Labels}} {{.Size}} {{.Created}}",
      "[-c echo hi] map[a:1 b:2] <nil> 2026-11-21 08:28:42.52248579 +0000 UTC",
    ],
    ["{{1.5}} {{1e3}} {{0x1F}} {{'a'}} {{-3}} {{true}} {{`raw`}}", "1.5 1000 31 97 -3 true raw"],
    [
      '{{printf "%q %5d|%-5d|%05d %x %T %v" .Name 4 4 42 255 .State .Args}}',
      '"/one"     4|4    |00042 ff *container.State [-c echo hi]',
    ],
    [
      '{{printf "%d" .Name}} {{printf "%s"}} {{printf "x" 1}}',
      "%!d(string=/one) %!s(MISSING) x%!(EXTRA int=1)",
    ],
  ],
  "fields, embedded ones too": [
    ["{{.ID}} {{.State.ExitCode}} {{$.Name}} {{(index .Args 1)}}", "abc 4 /one echo hi"],
    ['{{index .Labels "a"}}{{.Labels.b}}{{.Labels.c}}', "12<no value>"],
  ],
  control: [
    ["{{range $i, $e := .Args}}{{$i}}={{$e}},{{end}}", "0=-c,1=echo hi,"],
    ["{{range $k, $v := .Labels}}{{$k}}{{$v}}{{end}}", "a1b2"],
    ['{{range .Args}}{{if eq . "-c"}}{{continue}}{{end}}{{.}}{{break}}{{end}}', "echo hi"],
    [
      "{{range 3}}{{.}}{{end}}{{range .Size}}x{{else}}none{{end}}",
      '! template: :1:31: executing "" at <.Size>: range can\'t iterate over <nil>',
    ],
    ["{{if .Size}}a{{else if eq .State.ExitCode 4}}four{{else}}b{{end}}", "four"],
    ["{{with $x := .Name}}{{$x}}{{end}}{{$y := 1}}{{$y = 2}}{{$y}}", "/one2"],
    ['{{define "T"}}[{{.}}]{{end}}{{template "T" .Name}}{{block "B" .}}b{{end}}', "[/one]b"],
    ['{{/* c */}}a {{- " b " -}}  c', "a b c"],
  ],
  functions: [
    [
      '{{eq 1 2 3 1}} {{ne "a" "b"}} {{lt 1 2}} {{ge 1 2}} {{and 1 0}} {{or 0 "x"}} {{not true}}',
      "true true true false 0 x false",
    ],
    ['{{len .Args}} {{len .Name}} {{slice .Name 1 3}} {{print 1 2 "x" 3}}', "2 4 on 1 2x3"],
    ['{{html "<a&b>"}} {{urlquery "a b&c"}} {{js "a\'b"}}', "&lt;a&amp;b&gt; a+b%26c a\\'b"],
    [
      '{{upper .Name}} {{title "foo bar"}} {{pad "x" 2 3}}| {{truncate "abcdef" 3}}',
      "/ONE Foo Bar   x   | abc",
    ],
    [
      '{{join .Args ","}} {{split "a,b" ","}} {{json .Args}} {{json .State}}',
      '-c,echo hi [a b] ["-c","echo hi"] {"Status":"exited","ExitCode":4}',
    ],
    ['{{.Name | printf "%s-%s" "x"}}', "x-/one"],
  ],
  "errors of execution": [
    [
      "{{.Foo}}",
      '! template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type container.Inspect',
    ],
    [
      "ab\n {{.State.Foo}}",
      '! template: :2:9: executing "" at <.State.Foo>: can\'t evaluate field Foo in type *container.State',
    ],
    [
      "{{.State.Health.Status}}",
      '! template: :1:8: executing "" at <.State.Health.Status>: nil pointer evaluating *container.Health.Status',
    ],
    [
      "{{index .Args 5}}",
      '! template: :1:2: executing "" at <index .Args 5>: error calling index: index out of range: 5',
    ],
    [
      '{{eq 1 "a"}}',
      '! template: :1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison',
    ],
    ["{{upper}}", '! template: :1:2: executing "" at <upper>: wrong number of args for upper: want 1 got 0'],
    ["{{upper 3}}", '! template: :1:8: executing "" at <3>: expected string; found 3'],
    [
      "{{lower .Mode}}",
      '! template: :1:8: executing "" at <.Mode>: wrong type for value; expected string; got container.NetworkMode',
    ],
    [
      '{{.Name "a"}}',
      '! template: :1:2: executing "" at <.Name>: Name has arguments but cannot be invoked as function',
    ],
    [
      '{{template "nope"}}',
      '! template: :1:11: executing "" at <{{template "nope"}}>: template "nope" not defined',
    ],
    ["{{nil}}", '! template: :1:2: executing "" at <nil>: nil is not a command'],
    [
      "{{call .Name}}",
      '! template: :1:2: executing "" at <call .Name>: error calling call: non-function .Name of type string',
    ],
  ],
  "errors of parsing": [
    ["{{foo}}", '! template: :1: function "foo" not defined'],
    ["{{.Name", "! template: :1: unclosed action"],
    ["{{", "! template: :1: unclosed action"],
    ["{{}}", "! template: :1: missing value for command"],
    ["{{if}}x{{end}}", "! template: :1: missing value for if"],
    ["{{if .Name}}x", "! template: :1: unexpected EOF"],
    ["{{end}}", "! template: :1: unexpected {{end}}"],
    ["{{break}}", "! template: :1: {{break}} outside {{range}}"],
    ["{{.Name | 3}}", "! template: :1: non executable command in pipeline stage 2"],
    ["{{.Name.}}", "! template: :1: unexpected <.> in operand"],
    ["{{$y}}", '! template: :1: undefined variable "$y"'],
    ['{{"abc}}', "! template: :1: unterminated quoted string"],
    ["{{(.Name}}", "! template: :1: unclosed left paren"],
    ["{{.Name)}}", "! template: :1: unexpected right paren"],
  ],
};

for (const [topic, cases] of Object.entries(results)) {
  describe(topic, () => {
    for (const [template, result] of cases) test(template, () => expect(run(template)).toBe(result));
  });
}

test("over plain JSON, keys are asked for as they are, and numbers keep their digits", () => {
  const value = fromJson({ a: { b: [1, "x", null] }, n: 12 });
  const options = { missingKey: "error" } as const;
  expect(parseTemplate("{{.a.b}} {{.n}} {{json .}}").execute(value, options)).toBe(
    '[1 x <nil>] 12 {"a":{"b":[1,"x",null]},"n":12}',
  );
  expect(() => parseTemplate("{{.a.c}}").execute(value, options)).toThrow(
    'template: :1:4: executing "" at <.a.c>: map has no entry for key "c"',
  );
});

test("a template that calls itself without end is stopped", () => {
  const text = '{{define "T"}}{{template "T" .}}{{end}}{{template "T" .}}';
  expect(() => parseTemplate(text).execute(undefined)).toThrow("exceeded maximum template depth");
});
