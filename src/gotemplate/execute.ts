import { truth, unwrap } from "./compare.ts";
import { TemplateError } from "./errors.ts";
import { formatValue, sortedKeys } from "./format.ts";
import type { FunctionTable } from "./functions.ts";
import { type Branch, type Command, type Node, nodeText, type Operand, type Pipe } from "./nodes.ts";
import type { Parsed } from "./parser.ts";
import { quote } from "./quote.ts";
import {
  anyType,
  boolValue,
  findField,
  floatType,
  type GoType,
  intType,
  intValue,
  isFloat,
  isInteger,
  isUnsigned,
  pointerTo,
  stringType,
  stringValue,
  type Value,
} from "./types.ts";

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
    this.#walk(data, this.#nodes);
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
    for (const [key, item] of this.#items(unwrap(value))) {
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

  *#items(value: Maybe): Generator<[Maybe, Maybe]> {
    let at = value;
    if (at?.type.kind === "ptr" && at.raw !== null) at = { type: at.type.elem, raw: at.raw };
    if (!at) return;
    const { type, raw } = at;
    if (type.kind === "slice" || type.kind === "array") {
      for (const [index, item] of ((raw ?? []) as unknown[]).entries()) {
        yield [intValue(index), { type: type.elem, raw: item }];
      }
    } else if (type.kind === "map") {
      const map = (raw ?? new Map()) as Map<string, unknown>;
      for (const key of sortedKeys(map))
        yield [
          { type: type.key, raw: key },
          { type: type.elem, raw: map.get(key) },
        ];
    } else if (isInteger(type)) {
      for (let i = 0; i < Number(raw); i++)
        yield [
          { type, raw: i },
          { type, raw: i },
        ];
    } else {
      this.#fail(`range can't iterate over ${formatValue(at)}`);
    }
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

  #constant(dot: Maybe, node: Operand): Maybe {
    switch (node.kind) {
      case "bool":
        return boolValue(node.value);
      case "dot":
        return dot;
      case "string":
        return stringValue(node.value);
      case "number":
        if (node.value.looksFloat) return { type: floatType, raw: node.value.float };
        return this.#idealInt(node.value.int ?? 0n, node.text);
      default:
        return this.#fail("nil is not a command");
    }
  }

  #idealInt(value: bigint, text: string): Value {
    if (BigInt.asIntN(64, value) !== value) return this.#fail(`${text} overflows int`);
    return { type: intType, raw: Number.isSafeInteger(Number(value)) ? Number(value) : value };
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
    if (!receiver) {
      if (this.#options.missingKey === "error") this.#fail(`nil data; no entry for key ${quote(name)}`);
      return undefined;
    }
    const typeName = receiver.type.name;
    const hasArguments = args.length > 0 || final !== undefined;
    let at = receiver;
    while (at.type.kind === "interface" || at.type.kind === "ptr") {
      if (at.raw === null || at.raw === undefined) return this.#nil(at, typeName, name);
      at = at.type.kind === "ptr" ? { type: at.type.elem, raw: at.raw } : (at.raw as Value);
    }
    const method =
      "methods" in at.type && Object.hasOwn(at.type.methods ?? {}, name) && at.type.methods?.[name];
    if (method) return this.#method(dot, name, node, method, at.raw, args, final);
    if (at.type.kind === "struct") {
      const path = findField(at.type, name);
      if (path) {
        if (hasArguments) this.#fail(`${name} has arguments but cannot be invoked as function`);
        return this.#read(at, path);
      }
    } else if (at.type.kind === "map" && at.type.key.kind === "string") {
      if (hasArguments) this.#fail(`${name} is not a method but has arguments`);
      const map = (at.raw ?? new Map()) as Map<string, unknown>;
      if (map.has(name)) return { type: at.type.elem, raw: map.get(name) };
      if (this.#options.missingKey === "error") this.#fail(`map has no entry for key ${quote(name)}`);
      return undefined;
    }
    return this.#fail(`can't evaluate field ${name} in type ${typeName}`);
  }

  #nil(at: Value, typeName: string, name: string): never {
    if (at.type.kind === "ptr" && at.type.elem.kind === "struct" && !findField(at.type.elem, name)) {
      return this.#fail(`can't evaluate field ${name} in type ${typeName}`);
    }
    return this.#fail(`nil pointer evaluating ${typeName}.${name}`);
  }

  #read(from: Value, path: readonly { name: string; type: GoType }[]): Value {
    let at = from;
    for (const field of path) {
      if (at.type.kind === "ptr") {
        if (at.raw === null) return this.#fail(`reflect: indirection through nil pointer to embedded struct`);
        at = { type: at.type.elem, raw: at.raw };
      }
      at = { type: field.type, raw: (at.raw as Record<string, unknown>)[field.name] };
    }
    return at;
  }

  #method(
    dot: Maybe,
    name: string,
    node: Operand,
    method: { parameters: readonly GoType[]; call: (receiver: unknown, args: readonly unknown[]) => Value },
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
        if (["interface", "ptr", "slice", "map"].includes(type.kind)) return undefined;
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
        return this.#literal(node, type);
    }
  }

  #literal(node: Extract<Operand, { kind: "bool" | "string" | "number" }>, type: GoType): Value {
    if (type.kind === "interface") return this.#constant(undefined, node) ?? this.#fail("missing value");
    if (type.kind === "bool" && node.kind === "bool") return { type, raw: node.value };
    if (type.kind === "string" && node.kind === "string") return { type, raw: node.value };
    if (node.kind === "number") {
      if (isFloat(type)) return { type, raw: node.value.float };
      if (isInteger(type) && node.value.int !== undefined) return { type, raw: Number(node.value.int) };
    }
    const what = isInteger(type)
      ? isUnsigned(type)
        ? "unsigned integer"
        : "integer"
      : isFloat(type)
        ? "float"
        : type.kind === "bool" || type.kind === "string"
          ? type.kind
          : undefined;
    if (what === undefined) return this.#fail(`can't handle ${nodeText(node)} for arg of type ${type.name}`);
    return this.#fail(`expected ${what}; found ${nodeText(node)}`);
  }

  #checked(value: Maybe, type: GoType): Maybe {
    if (!value) {
      if (["interface", "ptr", "slice", "map"].includes(type.kind)) return undefined;
      return this.#fail(`invalid value; expected ${type.name}`);
    }
    if (type.kind === "interface") return value;
    let at = value;
    if (at.type.kind === "interface") {
      const inner = unwrap(at);
      if (!inner) return this.#fail(`invalid value; expected ${type.name}`);
      at = inner;
    }
    if (at.type.name === type.name) return at;
    if (at.type.kind === "ptr" && at.type.elem.name === type.name) {
      if (at.raw === null) return this.#fail(`dereference of nil pointer of type ${type.name}`);
      return { type, raw: at.raw };
    }
    if (pointerTo(at.type).name === type.name) return { type, raw: at.raw };
    // A named type of the same kind does not assign: Go refuses `lower` of a container.NetworkMode.
    if (at.type.kind === type.kind && at.type.name === stringType.name) return { type, raw: at.raw };
    return this.#fail(`wrong type for value; expected ${type.name}; got ${at.type.name}`);
  }
}
