import { describe, expect, test } from "bun:test";
import { parseDockerfile } from "./dockerfile.ts";
import type { Instruction, Keyword } from "./instruction.ts";
import { parseRunMount } from "./run-mount.ts";

function only<K extends Keyword>(line: string, keyword: K): Extract<Instruction, { keyword: K }> {
  const { stages } = parseDockerfile(`FROM scratch\n${line}`);
  const found = stages[0]?.instructions[0];
  if (found?.keyword !== keyword) throw new Error(`${line} is ${found?.keyword}`);
  return found as Extract<Instruction, { keyword: K }>;
}

describe("lines", () => {
  test("go on after a backslash, over comments and empty lines", () => {
    const file = parseDockerfile("FROM a\nRUN one \\\n  # no\n\n  two \\   \n  three\nUSER x\n");
    const [run, user] = file.stages[0]?.instructions ?? [];
    expect(run).toMatchObject({ command: { line: "one   two   three" }, range: { start: 2, end: 6 } });
    expect(user).toMatchObject({ keyword: "USER", range: { start: 7, end: 7 } });
    expect(file.emptyContinuations).toEqual([6]);
  });

  test("do not go on after two backslashes", () => {
    expect(parseDockerfile("FROM a\nRUN x \\\\\nUSER y").stages[0]?.instructions).toHaveLength(2);
  });

  test("go on after a backtick when the directive says so", () => {
    const file = parseDockerfile("# escape=`\nFROM a\nRUN dir c:\\\nRUN a `\n b");
    expect(file.stages[0]?.instructions.map(({ text }) => text)).toEqual(["RUN dir c:\\", "RUN a  b"]);
  });

  test("may end in CR LF, and begin with a byte order mark", () => {
    expect(only("CMD a b\r", "CMD").command).toMatchObject({ line: "a b" });
    expect(parseDockerfile("\uFEFFFROM a\r\nUSER b\r\n").stages[0]?.instructions).toHaveLength(1);
  });
});

test("directives end at the first line that is none", () => {
  const file = parseDockerfile(
    "#syntax=docker/dockerfile:1\n# check=skip=A,B;error=true\n# x\n# escape=`\nFROM a",
  );
  expect(file.directives).toEqual({
    syntax: "docker/dockerfile:1",
    escape: "\\",
    check: { skip: ["A", "B"], experimental: [], error: true },
    lines: 2,
  });
});

describe("here-documents", () => {
  test("stand below RUN", () => {
    const run = only("RUN <<EOF cat > /f <<-'B'\none $x\nEOF\n\ttwo\n\tB\nUSER u", "RUN");
    expect(run.command).toEqual({
      shell: true,
      line: "<<EOF cat > /f <<-'B'",
      heredocs: [
        { name: "EOF", fd: 0, expand: true, chomp: false, content: "one $x\n" },
        { name: "B", fd: 0, expand: false, chomp: true, content: "\ttwo\n" },
      ],
    });
    expect(run.range).toEqual({ start: 2, end: 6 });
  });

  test("are files of COPY", () => {
    const copy = only("COPY --chmod=0644 <<a.txt b <<c /d/\nx\na.txt\ny\nc", "COPY");
    expect(copy).toMatchObject({ sources: ["b"], destination: "/d/", chmod: "0644" });
    expect(copy.files.map(({ name, content }) => [name, content])).toEqual([
      ["a.txt", "x\n"],
      ["c", "y\n"],
    ]);
  });

  test("are none in words that only look so", () => {
    expect(only("RUN echo $((1<<2)) '<<EOF' a<<<b", "RUN").command).toMatchObject({ heredocs: [] });
    expect(only("CMD cat <<EOF", "CMD").command).toMatchObject({ heredocs: [] });
  });

  test("must end", () => {
    expect(() => only("RUN <<EOF\nx\n", "RUN")).toThrow(
      expect.objectContaining({ message: "unterminated heredoc", range: { start: 2, end: 3 } }),
    );
  });
});

describe("instructions", () => {
  test("FROM", () => {
    const { stages, globalArgs } = parseDockerfile(
      "ARG v=1\nFROM --platform=linux/arm64 a:$v as Base\nFROM base",
    );
    expect(globalArgs[0]?.args).toEqual([{ name: "v", value: "1" }]);
    expect(stages[0]).toMatchObject({
      name: "base",
      from: { image: "a:$v", platform: "linux/arm64", as: "as" },
    });
    expect(stages[1]).toMatchObject({ name: "", index: 1 });
  });

  test("RUN with mounts and flags", () => {
    const run = only(
      "RUN --mount=type=cache,target=/c,sharing=locked,id=x --mount=type=secret,id=s,required --mount=from=b,target=/b,rw --network=none -- --x",
      "RUN",
    );
    expect(run.network).toBe("none");
    expect(run.command).toMatchObject({ line: "--x" });
    expect(run.mounts.map(({ type, target, readonly }) => [type, target, readonly])).toEqual([
      ["cache", "/c", false],
      ["secret", undefined, true],
      ["bind", "/b", false],
    ]);
    expect(run.mounts[0]).toMatchObject({ sharing: "locked", id: "x" });
    expect(run.mounts[1]?.required).toBe(true);
  });

  test("the JSON form is words, what only looks so is a line", () => {
    expect(only('CMD ["a", "b c"]', "CMD").command).toEqual({ shell: false, words: ["a", "b c"] });
    expect(only("CMD [ -f x ] && y", "CMD").command).toMatchObject({ shell: true, line: "[ -f x ] && y" });
    expect(only('VOLUME ["/a b"]', "VOLUME").volumes).toEqual(["/a b"]);
  });

  test("ENV in both forms", () => {
    expect(
      only("ENV a=1 b=\"x y\" c=p\\ q d='$z'", "ENV").pairs.map(({ key, value }) => [key, value]),
    ).toEqual([
      ["a", "1"],
      ["b", '"x y"'],
      ["c", "p\\ q"],
      ["d", "'$z'"],
    ]);
    expect(only("ENV a  b c", "ENV").pairs).toEqual([{ key: "a", value: "b c", legacy: true }]);
  });

  test("HEALTHCHECK", () => {
    expect(only("HEALTHCHECK --interval=5s --retries=2 CMD curl x", "HEALTHCHECK").health).toEqual({
      test: ["CMD-SHELL", "curl x"],
      interval: 5e9,
      retries: 2,
    });
    expect(only("HEALTHCHECK none", "HEALTHCHECK").health).toEqual({ test: ["NONE"] });
  });

  test("ONBUILD holds an instruction with its here-documents", () => {
    expect(only("ONBUILD COPY <<E /f\nx\nE", "ONBUILD").trigger).toBe("COPY <<E /f\nx\nE");
  });
});

const mistakes: [string, string][] = [
  ["RUNN true", "unknown instruction: RUNN (did you mean RUN?)"],
  ["FROM a b", "FROM requires either one or three arguments"],
  ["FROM a IS b", "FROM requires either one or three arguments"],
  ["FROM a AS 1b", 'invalid name for build stage: "1b", name can\'t start with a number or contain symbols'],
  [
    "COPY a",
    "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
  ],
  ["COPY --form=a b c", "unknown flag: --form (did you mean from?)"],
  ["COPY --from=a --from=b c d", "duplicate flag specified: --from"],
  ["COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"],
  ["COPY --chown a b", "missing a value on flag: --chown"],
  ["ENV =b", "ENV names can not be blank"],
  ["LABEL", "LABEL requires at least one argument"],
  ["SHELL bash", "SHELL requires the arguments to be in JSON form"],
  ["SHELL", "SHELL requires at least one argument"],
  ["RUN --network=hots true", 'invalid network mode "hots" (did you mean host?)'],
  ["HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"],
  ["HEALTHCHECK --interval=5 CMD a", 'time: missing unit in duration "5"'],
  ["ONBUILD FROM a", "FROM isn't allowed as an ONBUILD trigger"],
  ["ONBUILD ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ["WORKDIR", "WORKDIR requires exactly one argument"],
];

/** Of these BuildKit does not say the line in words: it stands in the excerpt. */
const mistakesOfLines: [string, string][] = [
  ["ENV a", "ENV must have two arguments"],
  ["ENV a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'],
  ['CMD ["a", 1]', "when using JSON array syntax, arrays must be comprised of strings only"],
  ["RUN --mount=type=cach,target=/x true", 'unsupported mount type "cach" (did you mean cache?)'],
  ["RUN --mount=type=cache,taget=/x true", "unexpected key 'taget' in 'taget=/x' (did you mean target?)"],
  ["RUN --mount=type=cache,target true", "invalid field 'target' must be a key=value pair"],
  [
    "RUN --mount=from=$x,target=/x true",
    "'from' doesn't support variable expansion, define alias stage instead",
  ],
  ["RUN --mount=type=cache,target=/x,uid=me true", "invalid value me for uid"],
  ["RUN --mount=type=tmpfs,target=/x,mode=1 true", 'mode not allowed for "tmpfs" type mounts'],
  ["RUN --mount=type=secret,required true", "invalid secret mount. one of source, target required"],
  ["RUN --mount=type=bind,target=/x,sharing=locked true", "invalid cache sharing set for bind mount"],
  ["RUN --mount=type=cache,target=/x,size=1m true", "unexpected key 'size' for mount type 'cache'"],
];

test.each(mistakesOfLines)("%s: the error has the line and says what is wrong", (line, message) => {
  expect(() => parseDockerfile(`FROM scratch\n\n${line}\n`)).toThrow(
    expect.objectContaining({ message, range: { start: 3, end: 3 } }),
  );
});

test("mounts are read again when the values of their variables are known", () => {
  const text = "type=$t,target=/x,uid=$u,mode=0$m,sharing=$s";
  expect(parseRunMount(text)).toMatchObject({ type: "bind", uid: undefined });
  const values: Record<string, string> = { $t: "cache", $u: "7", "0$m": "0750", $s: "locked" };
  expect(parseRunMount(text, (word) => values[word] ?? word)).toMatchObject({
    type: "cache",
    uid: 7,
    mode: 0o750,
    sharing: "locked",
  });
  expect(() => parseRunMount(text, () => "x")).toThrow('unsupported mount type "x"');
});

test.each(mistakes)("%s: the error names the line and what is wrong", (line, message) => {
  expect(() => parseDockerfile(`FROM scratch\n\n${line}\n`)).toThrow(
    `dockerfile parse error on line 3: ${message}`,
  );
});

test("a file without a stage", () => {
  expect(() => parseDockerfile("# nothing\n")).toThrow("file with no instructions");
  expect(() => parseDockerfile("ARG a\n")).toThrow("dockerfile contains no stages to build");
  expect(() => parseDockerfile("RUN a\n")).toThrow(
    expect.objectContaining({ message: "no build stage in current context", range: { start: 1, end: 1 } }),
  );
});

test("a file of 10,000 lines is read in linear time", () => {
  const file = parseDockerfile(`FROM a\n${"RUN echo \\\n x\n".repeat(5000)}`);
  expect(file.stages[0]?.instructions).toHaveLength(5000);
});
