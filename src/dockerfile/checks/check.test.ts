import { describe, expect, test } from "bun:test";
import { hostPlatform } from "../../oci/platform.ts";
import { parseDockerfile } from "../dockerfile.ts";
import type { DockerfileError } from "../errors.ts";
import { type CheckedBuild, checkDockerfile, failOnFindings } from "./check.ts";
import { checkReport } from "./report.ts";
import { type RuleName, ruleUrl } from "./rules.ts";

const build: CheckedBuild = {
  args: new Map(),
  platform: hostPlatform(),
  target: "",
  isIgnored: (path) => path.startsWith("ignored"),
  base: (image) =>
    image === "known" ? { variables: new Map([["HOME", "/root"]]), shell: false } : undefined,
};

function found(text: string, options: Partial<CheckedBuild> = {}): string[] {
  const findings = checkDockerfile(parseDockerfile(text), { ...build, ...options });
  return findings.map(({ rule, message, range }) => `${range.start} ${rule}: ${message}`);
}

const bad: [text: string, rule: RuleName, line: number, message: string][] = [
  ["FROM a AS Base", "StageNameCasing", 1, "Stage name 'Base' should be lowercase"],
  ["FROM a as b", "FromAsCasing", 1, "'as' and 'FROM' keywords' casing do not match"],
  ["FROM a\nRUN b \\\n\n c", "NoEmptyContinuation", 4, "Empty continuation line"],
  [
    "FROM a\nrun b\nRUN c",
    "ConsistentInstructionCasing",
    2,
    "Command 'run' should match the case of the command majority (uppercase)",
  ],
  [
    "FROM a AS b\nFROM a AS b",
    "DuplicateStageName",
    2,
    'Duplicate stage name "b", stage names should be unique',
  ],
  [
    "FROM a AS scratch",
    "ReservedStageName",
    1,
    'Stage name should not use the same name as reserved stage "scratch"',
  ],
  [
    "FROM a\nCMD b",
    "JSONArgsRecommended",
    2,
    "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
  ],
  [
    "FROM a\nMAINTAINER b",
    "MaintainerDeprecated",
    2,
    "Maintainer instruction is deprecated in favor of using label",
  ],
  [
    "ARG version\nFROM a:1$vresion",
    "UndefinedArgInFrom",
    2,
    "FROM argument 'vresion' is not declared (did you mean version?)",
  ],
  [
    "FROM a\nWORKDIR b\nWORKDIR c",
    "WorkdirRelativePath",
    2,
    'Relative workdir "b" can have unexpected results if the base image changes',
  ],
  [
    "FROM known\nCOPY $HOEM/a /b",
    "UndefinedVar",
    2,
    "Usage of undefined variable '$HOEM' (did you mean $HOME?)",
  ],
  ["FROM known\nENV a=${b:-c}", "UndefinedVar", 2, "Usage of undefined variable '$b'"],
  ["FROM known\nARG a=1 b=$a c=$d", "UndefinedVar", 2, "Usage of undefined variable '$d' (did you mean $a?)"],
  ["FROM known\nCOPY <<a <<'b' /\n$x\na\n$y\nb", "UndefinedVar", 2, "Usage of undefined variable '$x'"],
  [
    "FROM known\nENV dir='a b'\nWORKDIR $dir",
    "WorkdirRelativePath",
    3,
    'Relative workdir "a b" can have unexpected results if the base image changes',
  ],
  ["FROM a\nRUN a \\\n\n b \\\n c <<d\nd", "NoEmptyContinuation", 5, "Empty continuation line"],
  [
    'FROM a\nCMD ["b"]\nCMD ["c"]',
    "MultipleInstructionsDisallowed",
    2,
    "Multiple CMD instructions should not be used in the same stage because only the last one will be used",
  ],
  [
    "FROM a\nENV b c",
    "LegacyKeyValueFormat",
    2,
    '"ENV key=value" should be used instead of legacy "ENV key value" format',
  ],
  [
    "FROM --platform=$TARGETPLATFORM a",
    "RedundantTargetPlatform",
    1,
    "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
  ],
  [
    "FROM a\nARG GITHUB_TOKEN",
    "SecretsUsedInArgOrEnv",
    2,
    'Do not use ARG or ENV instructions for sensitive data (ARG "GITHUB_TOKEN")',
  ],
  [
    "ARG tag\nFROM a:$tag",
    "InvalidDefaultArgInFrom",
    2,
    "Default value for ARG a:$tag results in empty or invalid base image name",
  ],
  [
    "FROM --platform=linux/arm64 a",
    "FromPlatformFlagConstDisallowed",
    1,
    'FROM --platform flag should not use constant value "linux/arm64"',
  ],
  [
    "FROM a\nEXPOSE 80/TCP",
    "ExposeProtoCasing",
    2,
    "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
  ],
  [
    "FROM a\nEXPOSE 127.0.0.1:80:80",
    "ExposeInvalidFormat",
    2,
    "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
  ],
];

test.each(bad)("%s: %s on line %i", (text, rule, line, message) => {
  expect(found(text)).toEqual([`${line} ${rule}: ${message}`]);
});

test.each([
  ['FROM a\nSHELL ["/bin/bash", "-c"]\nCMD b'],
  ["FROM a AS b\nWORKDIR /b\nFROM b\nWORKDIR c"],
  ["FROM unknown\nCOPY $HOEM /b"],
  ["FROM known\nARG a\nENV b=$a\nENV c=$b"],
  ["FROM known\nCOPY $HOME /c"],
  ["ARG tag=1\nFROM a:$tag"],
  ["FROM --platform=linux/arm64 a AS build-arm64"],
  ["FROM a\nENV PUBLIC_KEY=a TOKEN_FILE=b"],
  ["FROM known\nEXPOSE 80/tcp $port"],
  ["# check=experimental=all\nFROM a AS b"],
  ["FROM known\nARG dir=/a\nWORKDIR $dir\nWORKDIR b"],
  ["FROM unknown\nWORKDIR $dir"],
  ["FROM a\nCOPY ignored /b"],
  ["# a comment\nFROM a AS b"],
])("%s: nothing is wrong", (text) => expect(found(text)).toEqual([]));

describe("the directive", () => {
  test("leaves rules out, asks for experimental ones, and can be overruled", () => {
    const text = "FROM a AS B\nMAINTAINER c\nCOPY ignored /d";
    expect(found(`# check=skip=StageNameCasing\n${text}`)).toHaveLength(1);
    expect(found(`# check=skip=all\n${text}`)).toEqual([]);
    expect(found(`# check=skip=all;experimental=CopyIgnoredFile\n${text}`)).toEqual([
      '4 CopyIgnoredFile: Attempting to Copy file "ignored" that is excluded by .dockerignore',
    ]);
    const args = new Map([["BUILDKIT_DOCKERFILE_CHECK", "experimental=all"]]);
    expect(found(`# check=skip=all\n# about it\n\n# what it is\n${text}`, { args })).toContain(
      "5 InvalidDefinitionDescription: Comment for FROM should follow the format: `# B <description>`",
    );
  });

  test("makes an error of what is found", () => {
    const file = parseDockerfile("# check=error=true\nFROM a AS B\nMAINTAINER c");
    expect(() => failOnFindings(file, build, checkDockerfile(file, build))).toThrow(
      "lint violation found for rules: MaintainerDeprecated, StageNameCasing",
    );
  });
});

test("ends where the build will fail, and tells with what", () => {
  const failures: DockerfileError[] = [];
  const text = "FROM known\nMAINTAINER a\nENV b=${c?}\nENV d e";
  const findings = checkDockerfile(parseDockerfile(text), build, (error) => failures.push(error));
  expect(findings.map(({ rule }) => rule)).toEqual(["MaintainerDeprecated"]);
  expect(failures.map(({ message, range }) => [message, range?.start])).toEqual([
    [`failed to process "$\{c?}": c: is not allowed to be unset`, 3],
  ]);
});

test("the report", () => {
  const text = "FROM a\nMAINTAINER b\nRUN c";
  const findings = checkDockerfile(parseDockerfile(text), build);
  expect(checkReport(findings, "Dockerfile", text)).toBe(
    `Check complete, 1 warning has been found!

WARNING: MaintainerDeprecated - https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/
Maintainer instruction is deprecated in favor of using label
Dockerfile:2
--------------------
   1 |     FROM a
   2 | >>> MAINTAINER b
   3 |     RUN c
--------------------
`,
  );
  expect(checkReport([], "Dockerfile", text)).toBe("Check complete, no warnings found.\n");
  expect(ruleUrl("JSONArgsRecommended")).toEndWith("/json-args-recommended/");
  expect(ruleUrl("SecretsUsedInArgOrEnv")).toEndWith("/secrets-used-in-arg-or-env/");
});
