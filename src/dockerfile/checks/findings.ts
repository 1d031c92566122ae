import type { Directives } from "../directives.ts";
import type { LineRange } from "../errors.ts";
import { type Rule, type RuleName, rules } from "./rules.ts";

/** What a build check has found. */
export interface Finding {
  rule: RuleName;
  message: string;
  range: LineRange;
}

/** Gathers what is found, but for what was asked to be left out. */
export class Findings {
  readonly #list: Finding[] = [];
  readonly #options: Directives["check"];

  constructor(options: Directives["check"]) {
    this.#options = options;
  }

  add(rule: RuleName, range: LineRange, message: string): void {
    if (this.#isOn(rule)) this.#list.push({ rule, message, range });
  }

  /** In the order of the file. */
  sorted(): Finding[] {
    return this.#list.sort((one, other) => one.range.start - other.range.start);
  }

  #isOn(name: RuleName): boolean {
    const { skip, experimental } = this.#options;
    const rule: Rule = rules[name];
    if (rule.experimental) return experimental.includes(name) || experimental.includes("all");
    return !skip.includes(name) && !skip.includes("all");
  }
}
