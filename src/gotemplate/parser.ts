import { TemplateError } from "./errors.ts";
import { lex, type Token, type TokenKind } from "./lexer.ts";
import { type Branch, type Command, type Node, nodeText, type Operand, type Pipe } from "./nodes.ts";
import { parseChar, parseNumber } from "./numbers.ts";
import { quote, unquote } from "./quote.ts";

/** A parsed text: its own nodes, and the templates that it defines. */
export interface Parsed {
  readonly source: string;
  readonly root: readonly Node[];
  readonly defined: ReadonlyMap<string, readonly Node[]>;
}

type Stop = { readonly kind: "end" } | { readonly kind: "else" };

const operandStarts = new Set<TokenKind>([
  "bool",
  "char",
  "dot",
  "field",
  "identifier",
  "number",
  "nil",
  "raw",
  "string",
  "variable",
  "(",
]);

function shown(token: Token): string {
  if (token.kind === "eof") return "EOF";
  if (token.kind === "error") return token.text;
  if (token.kind === "keyword" || token.kind === "dot" || token.kind === "nil") return `<${token.text}>`;
  return token.text.length > 10 ? `${quote(token.text.slice(0, 10))}...` : quote(token.text);
}

/**
 * Parses a template as text/template does. `isFunction` tells the names that are functions.
 * Throws a TemplateError with Go's message: `template: NAME:LINE: …`.
 */
export function parse(name: string, source: string, isFunction: (name: string) => boolean): Parsed {
  return new Parser(name, source, isFunction).parse();
}

class Parser {
  readonly #name: string;
  readonly #source: string;
  readonly #isFunction: (name: string) => boolean;
  readonly #tokens: Generator<Token, void>;
  readonly #ahead: Token[] = [];
  readonly #defined = new Map<string, readonly Node[]>();
  #last: Token = { kind: "eof", text: "", at: 0, line: 1 };
  #variables = ["$"];
  #rangeDepth = 0;
  #actionLine = 0;

  constructor(name: string, source: string, isFunction: (name: string) => boolean) {
    this.#name = name;
    this.#source = source;
    this.#isFunction = isFunction;
    this.#tokens = lex(source);
  }

  parse(): Parsed {
    const root: Node[] = [];
    while (this.#peek().kind !== "eof") {
      if (this.#peek().kind === "left") {
        const open = this.#next();
        const after = this.#skipSpace();
        if (after.kind === "keyword" && after.text === "define") {
          this.#next();
          this.#definition();
          continue;
        }
        this.#actionLine = open.line;
        const node = this.#action();
        if (node.kind === "end" || node.kind === "else") this.#fail(`unexpected {{${node.kind}}}`);
        root.push(node);
        continue;
      }
      const node = this.#textOrAction();
      if (node.kind !== "end" && node.kind !== "else") root.push(node);
    }
    return { source: this.#source, root, defined: this.#defined };
  }

  #fail(message: string): never {
    throw new TemplateError(`template: ${this.#name}:${this.#last.line}: ${message}`);
  }

  #unexpected(token: Token, context: string): never {
    if (token.kind !== "error") this.#fail(`unexpected ${shown(token)} in ${context}`);
    let extra = "";
    if (this.#actionLine !== 0 && this.#actionLine !== token.line) {
      extra = ` in action started at ${this.#name}:${this.#actionLine}`;
      if (token.text.endsWith(" action")) extra = extra.slice(" in action".length);
    }
    return this.#fail(`${token.text}${extra}`);
  }

  #peek(): Token {
    const known = this.#ahead[0];
    if (known) return known;
    const step = this.#tokens.next();
    const token: Token = step.done
      ? { kind: "eof", text: "", at: this.#source.length, line: this.#last.line }
      : step.value;
    this.#ahead.push(token);
    this.#last = token;
    return token;
  }

  #next(): Token {
    const token = this.#peek();
    this.#ahead.shift();
    return token;
  }

  #skipSpace(): Token {
    while (this.#peek().kind === "space") this.#next();
    return this.#peek();
  }

  #nextNonSpace(): Token {
    this.#skipSpace();
    return this.#next();
  }

  #expect(kind: TokenKind, context: string): Token {
    const token = this.#nextNonSpace();
    if (token.kind !== kind) this.#unexpected(token, context);
    return token;
  }

  #templateName(context: string): string {
    const token = this.#nextNonSpace();
    if (token.kind !== "string" && token.kind !== "raw") this.#unexpected(token, context);
    return this.#unquoted(token);
  }

  #unquoted(token: Token): string {
    return unquote(token.text) ?? this.#fail("invalid syntax");
  }

  #definition(): void {
    const context = "define clause";
    const name = this.#templateName(context);
    this.#expect("right", context);
    const saved = this.#variables;
    this.#variables = ["$"];
    const { nodes, stop } = this.#list();
    this.#variables = saved;
    if (stop.kind !== "end") this.#fail(`unexpected {{${stop.kind}}} in ${context}`);
    this.#defined.set(name, nodes);
  }

  #list(): { nodes: Node[]; stop: Stop } {
    const nodes: Node[] = [];
    while (this.#skipSpace().kind !== "eof") {
      const node = this.#textOrAction();
      if (node.kind === "end" || node.kind === "else") return { nodes, stop: node };
      nodes.push(node);
    }
    return this.#fail("unexpected EOF");
  }

  #textOrAction(): Node | Stop {
    const token = this.#nextNonSpace();
    if (token.kind === "text") return { kind: "text", at: token.at, text: token.text };
    if (token.kind !== "left") this.#unexpected(token, "input");
    this.#actionLine = token.line;
    return this.#action();
  }

  #action(): Node | Stop {
    const token = this.#skipSpace();
    if (token.kind !== "keyword" || token.text === "define") {
      return { kind: "action", at: token.at, pipe: this.#pipe("command", "right") };
    }
    this.#next();
    switch (token.text) {
      case "if":
      case "range":
      case "with":
        return this.#branch(token.text, token.at);
      case "else": {
        const after = this.#skipSpace();
        const joins = after.kind === "keyword" && (after.text === "if" || after.text === "with");
        if (!joins) this.#expect("right", "else");
        return { kind: "else" };
      }
      case "end":
        this.#expect("right", "end");
        return { kind: "end" };
      case "template":
        return this.#template();
      case "block":
        return this.#block();
      default:
        return this.#jump(token.text === "break" ? "break" : "continue", token.at);
    }
  }

  #jump(kind: "break" | "continue", at: number): Node {
    this.#expect("right", `{{${kind}}}`);
    if (this.#rangeDepth === 0) this.#fail(`{{${kind}}} outside {{range}}`);
    return { kind, at };
  }

  #template(): Node {
    const context = "template clause";
    const { at } = this.#skipSpace();
    const name = this.#templateName(context);
    if (this.#skipSpace().kind === "right") {
      this.#next();
      return { kind: "template", at, name, pipe: undefined };
    }
    return { kind: "template", at, name, pipe: this.#pipe(context, "right") };
  }

  #block(): Node {
    const context = "block clause";
    const { at } = this.#skipSpace();
    const name = this.#templateName(context);
    const pipe = this.#pipe(context, "right");
    const { nodes, stop } = this.#list();
    if (stop.kind !== "end") this.#fail(`unexpected {{${stop.kind}}} in ${context}`);
    this.#defined.set(name, nodes);
    return { kind: "template", at, name, pipe };
  }

  #branch(kind: Branch["kind"], at: number): Branch {
    const depth = this.#variables.length;
    const pipe = this.#pipe(kind, "right");
    if (kind === "range") this.#rangeDepth++;
    const { nodes, stop } = this.#list();
    if (kind === "range") this.#rangeDepth--;
    const otherwise = stop.kind === "else" ? this.#otherwise(kind) : undefined;
    this.#variables.length = depth;
    return { kind, at, pipe, body: nodes, otherwise };
  }

  #otherwise(kind: Branch["kind"]): Node[] {
    const after = this.#peek();
    if (kind !== "range" && after.kind === "keyword" && after.text === kind) {
      this.#next();
      return [this.#branch(kind, after.at)];
    }
    const { nodes, stop } = this.#list();
    if (stop.kind !== "end") this.#fail(`expected end; found {{${stop.kind}}}`);
    return nodes;
  }

  #pipe(context: string, end: "right" | ")"): Pipe {
    const at = this.#skipSpace().at;
    const declares: string[] = [];
    const assigns = this.#declarations(context, declares);
    const commands: Command[] = [];
    for (;;) {
      const token = this.#skipSpace();
      if (token.kind === end) {
        this.#next();
        break;
      }
      if (!operandStarts.has(token.kind)) this.#unexpected(this.#next(), context);
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    commands.slice(1).forEach((command, index) => {
      const first = command.args[0]?.kind ?? "";
      if (["bool", "dot", "nil", "number", "string"].includes(first)) {
        this.#fail(`non executable command in pipeline stage ${index + 2}`);
      }
    });
    return { kind: "pipe", at, declares, assigns, commands };
  }

  /** Reads `$x :=`, `$x =` and `$i, $x :=`; true for an assignment. */
  #declarations(context: string, declares: string[]): boolean {
    while (this.#skipSpace().kind === "variable") {
      const variable = this.#next();
      const spaces: Token[] = [];
      while (this.#peek().kind === "space") spaces.push(this.#next());
      const after = this.#peek();
      if (after.kind === "=" || after.kind === ":=") {
        this.#next();
        declares.push(variable.text);
        this.#variables.push(variable.text);
        return after.kind === "=";
      }
      if (after.kind !== "punctuation" || after.text !== ",") {
        this.#ahead.unshift(variable, ...spaces);
        return false;
      }
      this.#next();
      declares.push(variable.text);
      this.#variables.push(variable.text);
      if (context !== "range" || declares.length > 1) this.#fail(`too many declarations in ${context}`);
      if (!["variable", "right", ")"].includes(this.#skipSpace().kind)) {
        this.#fail("range can only initialize variables");
      }
    }
    return false;
  }

  #command(): Command {
    const at = this.#skipSpace().at;
    const args: Operand[] = [];
    for (;;) {
      this.#skipSpace();
      const operand = this.#operand();
      if (operand) args.push(operand);
      const token = this.#peek();
      if (token.kind === "right" || token.kind === ")") break;
      this.#next();
      if (token.kind === "space") continue;
      if (token.kind === "pipe") break;
      this.#unexpected(token, "operand");
    }
    if (args.length === 0) this.#fail("empty command");
    return { kind: "command", at, args };
  }

  #operand(): Operand | undefined {
    const term = this.#term();
    const first = this.#peek();
    if (!term || first.kind !== "field") return term;
    const path: string[] = [];
    while (this.#peek().kind === "field") path.push(this.#next().text.slice(1));
    switch (term.kind) {
      case "field":
      case "variable":
        return { kind: term.kind, at: first.at, path: [...term.path, ...path] };
      case "identifier":
      case "pipe":
      case "chain":
        return { kind: "chain", at: first.at, on: term, path };
      default:
        return this.#fail(`unexpected . after term ${quote(nodeText(term))}`);
    }
  }

  #term(): Operand | undefined {
    const token = this.#skipSpace();
    if (!operandStarts.has(token.kind)) return undefined;
    this.#next();
    const { at, text } = token;
    switch (token.kind) {
      case "identifier":
        if (!this.#isFunction(text)) this.#fail(`function ${quote(text)} not defined`);
        return { kind: "identifier", at, name: text };
      case "dot":
      case "nil":
        return { kind: token.kind, at };
      case "bool":
        return { kind: "bool", at, value: text === "true" };
      case "field":
        return { kind: "field", at, path: [text.slice(1)] };
      case "variable":
        if (!this.#variables.includes(text)) this.#fail(`undefined variable ${quote(text)}`);
        return { kind: "variable", at, path: [text] };
      case "char":
      case "number": {
        const value = token.kind === "char" ? parseChar(text) : parseNumber(text);
        if (!value) return this.#fail(`bad number syntax: ${quote(text)}`);
        return { kind: "number", at, text, value };
      }
      case "(":
        return this.#pipe("parenthesized pipeline", ")");
      default:
        return { kind: "string", at, quoted: text, value: this.#unquoted(token) };
    }
  }
}
