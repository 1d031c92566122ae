import { describe, expect, test } from "bun:test";
import { flagUsages } from "./flags.help.ts";
import { flag, parseFlags } from "./flags.ts";

const flags = {
  all: flag.bool("Everything", { short: "a" }),
  env: flag.list("Variables", { short: "e" }),
  last: flag.int("Number", { short: "n", initial: -1 }),
  name: flag.string("Name"),
  net: flag.list("Old name", { hidden: true, aliasOf: "network" }),
  network: flag.list("Networks"),
  tty: flag.bool("Terminal", { short: "t" }),
};
const parse = (...argv: string[]) => parseFlags(flags, argv, true);
const fails = (...argv: string[]) => expect(() => parse(...argv));

describe("command lines are read as pflag reads them", () => {
  test("long and short forms, with and without =", () => {
    const { values, changed, args } = parse("--name=x", "-e", "A=b", "-eC=d", "-e=E=f", "--last", "3", "arg");
    expect(values).toMatchObject({ name: "x", env: ["A=b", "C=d", "E=f"], last: 3, all: false });
    expect([...changed].sort()).toEqual(["env", "last", "name"]);
    expect(args).toEqual(["arg"]);
  });

  test("short flags in a group; the last may take a value", () => {
    expect(parse("-atn5").values).toMatchObject({ all: true, tty: true, last: 5 });
    expect(parse("--all=false").values).toMatchObject({ all: false });
  });

  test("flags end at --, and, not interspersed, at the first argument", () => {
    expect(parse("x", "-a", "--", "-t").args).toEqual(["x", "-t"]);
    const { args, values } = parseFlags(flags, ["-a", "image", "-t", "--name", "y"], false);
    expect(args).toEqual(["image", "-t", "--name", "y"]);
    expect(values).toMatchObject({ all: true, tty: false, name: "" });
  });

  test("an old name adds to the new one, in order", () => {
    expect(parse("--net", "a", "--network", "b").values.network).toEqual(["a", "b"]);
  });

  test("a lone dash is an argument, and an empty one too", () => {
    expect(parse("-", "").args).toEqual(["-", ""]);
  });

  test("help is asked for without having a flag of that name", () => {
    expect(parse("-a", "--help").helpAsked).toBe(true);
    expect(parse("-h").shortHelp).toBe(true);
  });
});

test("mistakes are told in pflag's words", () => {
  fails("--foo").toThrow("unknown flag: --foo");
  fails("-ax").toThrow("unknown shorthand flag: 'x' in -x");
  fails("--name").toThrow("flag needs an argument: --name");
  fails("-ae").toThrow("flag needs an argument: 'e' in -e");
  fails("-n", "x").toThrow(
    'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax',
  );
  fails("--last=99999999999999999999").toThrow("value out of range");
  fails("--all=maybe").toThrow(
    'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
  );
  fails("--=x").toThrow("bad flag syntax: --=x");
  fails("--constructor").toThrow("unknown flag: --constructor");
});

test("help lists flags in a column, sorted, wrapped, with what they are by default", () => {
  const text = flagUsages(
    { ...flags, name: flag.string("A name that is told in more words than one line holds") },
    50,
  );
  expect(text.split("\n")).toEqual([
    "  -a, --all            Everything",
    "  -e, --env list       Variables",
    "  -n, --last int       Number (default -1)",
    "      --name string    A name that is told",
    "                       in more words than",
    "                       one line holds",
    "      --network list   Networks",
    "  -t, --tty            Terminal",
    "",
  ]);
});
