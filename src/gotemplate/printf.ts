import { formatFloat, formatValue } from "./format.ts";
import { quote, quoteRune } from "./quote.ts";
import { isFloat, isInteger, isUnsigned, type Value } from "./types.ts";

interface Verb {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly letter: string;
}

const directive = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?(.)?/gsu;

/** `fmt.Sprintf`, for the kinds of values that a template can hold; mistakes come out as `%!verb(type=value)`. */
export function sprintf(pattern: string, args: readonly (Value | undefined)[]): string {
  let used = 0;
  const star = (): number | undefined => {
    const value = args[used++];
    return value && isInteger(value.type) ? Number(value.raw) : undefined;
  };
  const text = pattern.replace(directive, (_all, flags: string, width, precision, letter) => {
    const w = width === "*" ? star() : width === undefined ? undefined : Number(width);
    const p = precision === "*" ? star() : precision === undefined ? undefined : Number(precision);
    if (letter === undefined) return "%!(NOVERB)";
    if (letter === "%") return "%";
    if (used >= args.length) return `%!${letter}(MISSING)`;
    const minus = flags.includes("-") || (w ?? 0) < 0;
    const verb: Verb = {
      minus,
      plus: flags.includes("+"),
      sharp: flags.includes("#"),
      space: flags.includes(" "),
      zero: flags.includes("0") && !minus,
      width: w === undefined ? undefined : Math.abs(w),
      precision: p,
      letter,
    };
    return print(verb, args[used++]);
  });
  if (used >= args.length) return text;
  const extra = args.slice(used).map((arg) => (arg ? `${arg.type.name}=${formatValue(arg)}` : "<nil>"));
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}

function pad(verb: Verb, text: string, zeros = false): string {
  const missing = (verb.width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  if (verb.minus) return text + " ".repeat(missing);
  if (!zeros || !verb.zero) return " ".repeat(missing) + text;
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

function signed(verb: Verb, text: string): string {
  if (text.startsWith("-") || text.startsWith("+")) return text;
  return verb.plus ? `+${text}` : verb.space ? ` ${text}` : text;
}

function print(verb: Verb, value: Value | undefined): string {
  const { letter } = verb;
  if (letter === "T") return pad(verb, value?.type.name ?? "<nil>");
  if (value === undefined) return letter === "v" ? pad(verb, "<nil>") : `%!${letter}(<nil>)`;
  if (value.type.kind === "interface") return print(verb, (value.raw as Value | null) ?? undefined);
  const done = printed(verb, value);
  return done ?? `%!${letter}(${value.type.name}=${formatValue(value)})`;
}

function printed(verb: Verb, value: Value): string | undefined {
  const { type, raw } = value;
  if (type.kind === "slice" || type.kind === "array") return list(verb, value);
  if (verb.letter === "v" && !isInteger(type) && !isFloat(type) && type.kind !== "string") {
    return pad(verb, formatValue(value, { plus: verb.plus }));
  }
  if (type.kind === "bool") return verb.letter === "t" ? pad(verb, String(raw)) : undefined;
  if (type.kind === "string") return string(verb, String(raw));
  if (isInteger(type)) return integer(verb, BigInt(raw as number | bigint), isUnsigned(type));
  if (isFloat(type)) return float(verb, raw as number);
  return undefined;
}

function list(verb: Verb, { type, raw }: Value): string {
  const elem = type.kind === "slice" || type.kind === "array" ? type.elem : type;
  const items = ((raw ?? []) as unknown[]).map((item) => print(verb, { type: elem, raw: item }));
  return `[${items.join(" ")}]`;
}

function string(verb: Verb, full: string): string | undefined {
  const text = verb.precision === undefined ? full : [...full].slice(0, verb.precision).join("");
  switch (verb.letter) {
    case "v":
      return pad(verb, verb.sharp ? quote(text) : text);
    case "s":
      return pad(verb, text, true);
    case "q":
      return pad(verb, verb.sharp && !text.includes("`") ? `\`${text}\`` : quote(text));
    case "x":
      return pad(verb, Buffer.from(text).toString("hex"));
    case "X":
      return pad(verb, Buffer.from(text).toString("hex").toUpperCase());
    default:
      return undefined;
  }
}

const radix: Record<string, number> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };
const prefixes: Record<string, string> = { b: "0b", o: "0", x: "0x", X: "0X" };

function integer(verb: Verb, value: bigint, unsigned: boolean): string | undefined {
  const { letter } = verb;
  if (letter === "c") return pad(verb, String.fromCodePoint(Number(value)));
  if (letter === "q") return pad(verb, quoteRune(Number(value)));
  if (letter === "U") return pad(verb, `U+${value.toString(16).toUpperCase().padStart(4, "0")}`);
  const base = radix[letter];
  if (base === undefined) return undefined;
  let digits = (value < 0n ? -value : value).toString(base);
  if (letter === "X") digits = digits.toUpperCase();
  if (verb.precision !== undefined) digits = digits.padStart(verb.precision, "0");
  if (letter === "O") digits = `0o${digits}`;
  else if (verb.sharp) digits = (prefixes[letter] ?? "") + digits;
  const text = value < 0n ? `-${digits}` : digits;
  return pad(verb, unsigned ? text : signed(verb, text), verb.precision === undefined);
}

function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function float(verb: Verb, value: number): string | undefined {
  const { precision } = verb;
  let text: string;
  switch (verb.letter) {
    case "f":
    case "F":
      text = value.toFixed(precision ?? 6);
      break;
    case "e":
    case "E":
      text = exponent(value.toExponential(precision ?? 6));
      break;
    case "v":
    case "g":
    case "G":
      text =
        precision === undefined ? formatFloat(value) : formatFloat(Number(value.toPrecision(precision || 1)));
      break;
    default:
      return undefined;
  }
  if (verb.letter === "E" || verb.letter === "G") text = text.toUpperCase();
  return pad(verb, signed(verb, text), true);
}
