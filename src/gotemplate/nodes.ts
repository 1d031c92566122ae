/** The parsed template. `at` is the position that errors name. */
export type Operand =
  | { readonly kind: "dot"; readonly at: number }
  | { readonly kind: "nil"; readonly at: number }
  | { readonly kind: "bool"; readonly at: number; readonly value: boolean }
  | { readonly kind: "number"; readonly at: number; readonly text: string; readonly value: NumberConstant }
  | { readonly kind: "string"; readonly at: number; readonly quoted: string; readonly value: string }
  | { readonly kind: "identifier"; readonly at: number; readonly name: string }
  | { readonly kind: "field"; readonly at: number; readonly path: readonly string[] }
  | { readonly kind: "variable"; readonly at: number; readonly path: readonly string[] }
  | { readonly kind: "chain"; readonly at: number; readonly on: Operand; readonly path: readonly string[] }
  | Pipe;

export interface NumberConstant {
  /** The value as an integer, when it is one. */
  readonly int: bigint | undefined;
  readonly float: number;
  /** Written with a point, an exponent: a float where the type is open. */
  readonly looksFloat: boolean;
}

export interface Command {
  readonly kind: "command";
  readonly at: number;
  readonly args: readonly Operand[];
}

export interface Pipe {
  readonly kind: "pipe";
  readonly at: number;
  readonly declares: readonly string[];
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export interface Branch {
  readonly kind: "if" | "range" | "with";
  readonly at: number;
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[] | undefined;
}

export type Node =
  | { readonly kind: "text"; readonly at: number; readonly text: string }
  | { readonly kind: "action"; readonly at: number; readonly pipe: Pipe }
  | { readonly kind: "break" | "continue"; readonly at: number }
  | { readonly kind: "template"; readonly at: number; readonly name: string; readonly pipe: Pipe | undefined }
  | Branch;

function fields(path: readonly string[]): string {
  return path.map((name) => `.${name}`).join("");
}

/** The node as source text, in the form that error messages show between `<` and `>`. */
export function nodeText(node: Operand | Command | Node): string {
  switch (node.kind) {
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(node.value);
    case "number":
    case "text":
      return node.text;
    case "string":
      return node.quoted;
    case "identifier":
      return node.name;
    case "field":
      return fields(node.path);
    case "variable":
      return node.path.join(".");
    case "chain":
      return `${node.on.kind === "pipe" ? `(${nodeText(node.on)})` : nodeText(node.on)}${fields(node.path)}`;
    case "command":
      return node.args.map((arg) => (arg.kind === "pipe" ? `(${nodeText(arg)})` : nodeText(arg))).join(" ");
    case "pipe": {
      const declared =
        node.declares.length > 0 ? `${node.declares.join(", ")} ${node.assigns ? "=" : ":="} ` : "";
      return declared + node.commands.map(nodeText).join(" | ");
    }
    case "action":
      return `{{${nodeText(node.pipe)}}}`;
    case "template":
      return `{{template ${JSON.stringify(node.name)}${node.pipe ? ` ${nodeText(node.pipe)}` : ""}}}`;
    case "break":
    case "continue":
      return `{{${node.kind}}}`;
    default:
      return `{{${node.kind} ${nodeText(node.pipe)}}}${node.body.map(nodeText).join("")}${
        node.otherwise ? `{{else}}${node.otherwise.map(nodeText).join("")}` : ""
      }{{end}}`;
  }
}
