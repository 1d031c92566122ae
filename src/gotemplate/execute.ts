// Longer than others: evaluation is one recursion over state that every step reads (dot, variables, output, place).
import { messageOf } from "../base/errors.ts";
import { truth, unwrap } from "./compare.ts";
import { argumentAs, constantValue, hasNil, literalAs } from "./convert.ts";
import { TemplateError } from "./errors.ts";
import { formatValue } from "./format.ts";
import type { FunctionTable } from "./functions.ts";
import { itemsOf, member } from "./members.ts";
import { type Branch, type Command, type Node, nodeText, type Operand, type Pipe } from "./nodes.ts";
import type { Parsed } from "./parser.ts";
import { quote } from "./quote.ts";
import { anyType, type GoMethod, type GoType, type Value } from "./types.ts";

/** `undefined` is reflect's invalid value: what a missing key or nil gives. */
type Maybe = Value | undefined;
type Step = "go on" | "break" | "continue";

export interface ExecuteOptions {
  readonly functions: FunctionTable;
  /** What a key that a map does not have gives: `<no value>`, or an error. */
  readonly missingKey: "noValue" | "error";
}

const maximumDepth = 1000;

/** Runs a parsed template over `data`. Throws a TemplateError with Go's message where it cannot. */
export function execute(name: string, parsed: Parsed, data: Maybe, options: ExecuteOptions): string {
  const run = new Execution(name, parsed, parsed.root, data, options, 0);
  return run.run(data);
}

class Execution {
  readonly #name: string;
  readonly #parsed: Parsed;
  readonly #nodes: readonly Node[];
  readonly #options: ExecuteOptions;
  readonly #depth: number;
  #out = "";
  #at: Operand | Command | Node | undefined;
  #variables: { name: string; value: Maybe }[];

  constructor(
    name: string,
    parsed: Parsed,
    nodes: readonly Node[],
    data: Maybe,
    options: ExecuteOptions,
    depth: number,
  ) {
    this.#name = name;
    this.#parsed = parsed;
    this.#nodes = nodes;
    this.#options = options;
    this.#depth = depth;
    this.#variables = [{ name: "$", value: data }];
  }

  run(data: Maybe): string {
    try {
      this.#walk(data, this.#nodes);
    } catch (error) {
      if (error instanceof TemplateError) error.output = this.#out + error.output;
      throw error;
    }
    return this.#out;
  }

  #fail(message: string): never {
    const node = this.#at;
    if (!node) throw new TemplateError(`template: ${this.#name}: ${message}`);
    const before = this.#parsed.source.slice(0, node.at);
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
    const where = `${this.#name}:${line}:${column}: executing ${quote(this.#name)} at <${nodeText(node)}>`;
    throw new TemplateError(`template: ${where}: ${message}`);
  }

  #walk(dot: Maybe, nodes: readonly Node[]): Step {
    for (const node of nodes) {
      const step = this.#node(dot, node);
      if (step !== "go on") return step;
    }
    return "go on";
  }

  #node(dot: Maybe, node: Node): Step {
    this.#at = node;
    switch (node.kind) {
      case "text":
        this.#out += node.text;
        return "go on";
      case "action": {
        const value = this.#pipe(dot, node.pipe);
        if (node.pipe.declares.length === 0) this.#print(value);
        return "go on";
      }
      case "break":
      case "continue":
        return node.kind;
      case "template":
        this.#template(dot, node.name, node.pipe);
        return "go on";
      case "range":
        return this.#range(dot, node);
      default:
        return this.#conditional(dot, node);
    }
  }

  #print(value: Maybe): void {
    let shown = value;
    if (shown?.type.kind === "ptr") {
      shown =
        shown.raw === null || shown.raw === undefined ? shown : { type: shown.type.elem, raw: shown.raw };
    }
    this.#out += shown === undefined ? "<no value>" : formatValue(shown);
  }

  #conditional(dot: Maybe, node: Branch): Step {
    const depth = this.#variables.length;
    const value = this.#pipe(dot, node.pipe);
    let step: Step = "go on";
    if (truth(unwrap(value))) step = this.#walk(node.kind === "with" ? value : dot, node.body);
    else if (node.otherwise) step = this.#walk(dot, node.otherwise);
    this.#variables.length = depth;
    return step;
  }

  #range(dot: Maybe, node: Branch): Step {
    const depth = this.#variables.length;
    const value = this.#pipe(dot, node.pipe);
    const names = node.pipe.declares;
    this.#variables.length = depth;
    let any = false;
    for (const [key, item] of this.#placed(() => itemsOf(unwrap(value)))) {
      any = true;
      const bind = (name: string | undefined, bound: Maybe) => {
        if (name === undefined) return;
        if (node.pipe.assigns) this.#assign(name, bound);
        else this.#variables.push({ name, value: bound });
      };
      if (names.length > 1) {
        bind(names[0], key);
        bind(names[1], item);
      } else {
        bind(names[0], item);
      }
      const step = this.#walk(item, node.body);
      this.#variables.length = depth;
      if (step === "break") break;
    }
    if (!any && node.otherwise) return this.#walk(dot, node.otherwise);
    return "go on";
  }

  #template(dot: Maybe, name: string, pipe: Pipe | undefined): void {
    const nodes = this.#parsed.defined.get(name);
    if (this.#depth === maximumDepth) this.#fail(`exceeded maximum template depth (${maximumDepth})`);
    const data = pipe && this.#pipe(dot, pipe);
    const inner = new Execution(
      name,
      this.#parsed,
      nodes ?? this.#fail(`template ${quote(name)} not defined`),
      data,
      this.#options,
      this.#depth + 1,
    );
    this.#out += inner.run(data);
  }

  #assign(name: string, value: Maybe): void {
    const variable = this.#variables.findLast((candidate) => candidate.name === name);
    if (!variable) this.#fail(`undefined variable: ${name}`);
    else variable.value = value;
  }

  #pipe(dot: Maybe, pipe: Pipe): Maybe {
    this.#at = pipe;
    let value: Maybe;
    pipe.commands.forEach((command, index) => {
      value = this.#command(dot, command, index > 0, value);
      // What an interface holds is looked at, not the interface.
      if (value?.type.kind === "interface") value = unwrap(value);
    });
    for (const name of pipe.declares) {
      if (pipe.assigns) this.#assign(name, value);
      else this.#variables.push({ name, value });
    }
    return value;
  }

  #command(dot: Maybe, command: Command, piped: boolean, final: Maybe): Maybe {
    const [first, ...rest] = command.args;
    if (!first) return this.#fail("empty command");
    const given = piped ? { value: final } : undefined;
    switch (first.kind) {
      case "field":
        this.#at = first;
        return this.#path(dot, dot, first, first.path, rest, given);
      case "chain":
        return this.#chain(dot, first, rest, given);
      case "identifier":
        this.#at = first;
        return this.#function(dot, first.name, command, rest, given);
      case "variable":
        return this.#variable(dot, first, rest, given);
      case "pipe":
        this.#noArguments(first, rest, piped);
        return this.#pipe(dot, first);
      default:
        this.#at = first;
        this.#noArguments(first, rest, piped);
        return this.#constant(dot, first);
    }
  }

  #noArguments(first: Operand, rest: readonly Operand[], piped: boolean): void {
    this.#at = first;
    if (rest.length > 0 || piped) this.#fail(`can't give argument to non-function ${nodeText(first)}`);
  }

  /** Does what may throw a plain message, and tells the place. */
  #placed<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      return this.#fail(messageOf(error));
    }
  }

  #constant(dot: Maybe, node: Operand): Maybe {
    if (node.kind === "dot") return dot;
    if (node.kind !== "bool" && node.kind !== "string" && node.kind !== "number") {
      return this.#fail("nil is not a command");
    }
    return this.#placed(() => constantValue(node));
  }

  #checked(value: Maybe, type: GoType): Maybe {
    return this.#placed(() => argumentAs(value, type));
  }

  #chain(
    dot: Maybe,
    chain: Extract<Operand, { kind: "chain" }>,
    args: readonly Operand[],
    final: { value: Maybe } | undefined,
  ): Maybe {
    this.#at = chain;
    const on = this.#argument(dot, chain.on, anyType);
    return this.#path(dot, on, chain, chain.path, args, final);
  }

  #variable(
    dot: Maybe,
    node: Extract<Operand, { kind: "variable" }>,
    args: readonly Operand[],
    final: { value: Maybe } | undefined,
  ): Maybe {
    this.#at = node;
    const [name, ...path] = node.path;
    const variable = this.#variables.findLast((candidate) => candidate.name === name);
    if (!variable) return this.#fail(`undefined variable: ${name}`);
    if (path.length === 0) {
      this.#noArguments(node, args, final !== undefined);
      return variable.value;
    }
    return this.#path(dot, variable.value, node, path, args, final);
  }

  #path(
    dot: Maybe,
    receiver: Maybe,
    node: Operand,
    path: readonly string[],
    args: readonly Operand[],
    final: { value: Maybe } | undefined,
  ): Maybe {
    let at = receiver;
    path.forEach((name, index) => {
      const isLast = index === path.length - 1;
      at = this.#field(dot, name, node, isLast ? args : [], isLast ? final : undefined, at);
    });
    return at;
  }

  #field(
    dot: Maybe,
    name: string,
    node: Operand,
    args: readonly Operand[],
    final: { value: Maybe } | undefined,
    receiver: Maybe,
  ): Maybe {
    const found = this.#placed(() => member(receiver, name, this.#options.missingKey));
    if ("method" in found) return this.#method(dot, name, node, found.method, found.raw, args, final);
    if (found.of !== undefined && (args.length > 0 || final !== undefined)) {
      const why =
        found.of === "map"
          ? "is not a method but has arguments"
          : "has arguments but cannot be invoked as function";
      this.#fail(`${name} ${why}`);
    }
    return this.#placed(found.read);
  }

  #method(
    dot: Maybe,
    name: string,
    node: Operand,
    method: GoMethod,
    receiver: unknown,
    args: readonly Operand[],
    final: { value: Maybe } | undefined,
  ): Maybe {
    const count = args.length + (final ? 1 : 0);
    if (count !== method.parameters.length) {
      this.#fail(`wrong number of args for ${name}: want ${method.parameters.length} got ${count}`);
    }
    const values = this.#arguments(dot, args, final, method.parameters, undefined);
    this.#at = node;
    return this.#calling(name, () =>
      method.call(
        receiver,
        values.map((value) => value?.raw),
      ),
    );
  }

  #function(
    dot: Maybe,
    name: string,
    command: Command,
    args: readonly Operand[],
    final: { value: Maybe } | undefined,
  ): Maybe {
    if (name === "and" || name === "or") return this.#shortCircuit(dot, name, command, args, final);
    const called = this.#options.functions[name];
    if (!called) return this.#fail(`${quote(name)} is not a defined function`);
    const count = args.length + (final ? 1 : 0);
    const fixed = called.parameters.length;
    if (called.rest ? count < fixed : count !== fixed) {
      const want = called.rest ? `at least ${fixed}` : String(fixed);
      this.#fail(`wrong number of args for ${name}: want ${want} got ${count}`);
    }
    this.#at = command.args[0];
    const values = this.#arguments(dot, args, final, called.parameters, called.rest);
    this.#at = command.args[0];
    this.#at = command;
    if (name === "call") this.#notCallable(args[0], values[0]);
    return this.#calling(name, () => called.call(values));
  }

  /** No value that a template can reach is a function. */
  #notCallable(node: Operand | undefined, value: Maybe): never {
    const type = unwrap(value)?.type.name;
    if (type === undefined || !node) return this.#fail("error calling call: call of nil");
    return this.#fail(`error calling call: non-function ${nodeText(node)} of type ${type}`);
  }

  #calling(name: string, call: () => Maybe): Maybe {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return this.#fail(`error calling ${name}: ${error.message}`);
    }
  }

  #shortCircuit(
    dot: Maybe,
    name: "and" | "or",
    command: Command,
    args: readonly Operand[],
    final: { value: Maybe } | undefined,
  ): Maybe {
    if (args.length === 0 && !final) {
      this.#fail(`wrong number of args for ${name}: want at least 1 got 0`);
    }
    let value: Maybe;
    for (const arg of args) {
      value = this.#argument(dot, arg, anyType);
      if (truth(unwrap(value)) === (name === "or")) return value;
    }
    this.#at = command.args[0];
    return final ? final.value : value;
  }

  #arguments(
    dot: Maybe,
    args: readonly Operand[],
    final: { value: Maybe } | undefined,
    parameters: readonly GoType[],
    rest: GoType | undefined,
  ): Maybe[] {
    const values = args.map((arg, index) => this.#argument(dot, arg, parameters[index] ?? rest ?? anyType));
    if (final) values.push(this.#checked(final.value, parameters[args.length] ?? rest ?? anyType));
    return values;
  }

  #argument(dot: Maybe, node: Operand, type: GoType): Maybe {
    this.#at = node;
    switch (node.kind) {
      case "dot":
        return this.#checked(dot, type);
      case "nil":
        if (hasNil(type)) return undefined;
        return this.#fail(`cannot assign nil to ${type.name}`);
      case "field":
        return this.#checked(this.#path(dot, dot, node, node.path, [], undefined), type);
      case "variable":
        return this.#checked(this.#variable(dot, node, [], undefined), type);
      case "pipe":
        return this.#checked(this.#pipe(dot, node), type);
      case "identifier":
        return this.#checked(
          this.#function(dot, node.name, { kind: "command", at: node.at, args: [node] }, [], undefined),
          type,
        );
      case "chain":
        return this.#checked(this.#chain(dot, node, [], undefined), type);
      default:
        return this.#placed(() => literalAs(node, type));
    }
  }
}
