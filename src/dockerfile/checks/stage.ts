import type { Directives } from "../directives.ts";
import type { Stage } from "../dockerfile.ts";
import { located } from "../errors.ts";
import { heredocText } from "../heredoc.ts";
import type { Instruction, KeyValue } from "../instruction.ts";
import { nearest } from "../suggest.ts";
import { Words } from "../variables.ts";
import type { Findings } from "./findings.ts";

/** What a stage has come to know of itself, and stages on top of it begin with. */
export interface StageKnowledge {
  /** What has a value: of the base image, of `ENV` and `ARG`. Undefined where the base image is not known. */
  variables: ReadonlyMap<string, string> | undefined;
  /** `ARG`s, with a value or without one. */
  declared: ReadonlySet<string>;
  /** There is a `SHELL`. */
  shell: boolean;
  /** There was a `WORKDIR`. */
  workdir: boolean;
}

/** What a stage can know from elsewhere. */
export interface Surroundings {
  directives: Directives;
  /** `ARG`s before the first `FROM`, arguments that are given, and those that are known by themselves. */
  given: ReadonlyMap<string, string>;
  /** True for a path of the context that `.dockerignore` leaves out. */
  isIgnored: (path: string) => boolean;
}

/**
 * Checks the instructions of one stage; returns what a stage on top of it begins with. Throws `DockerfileError` where
 * variables cannot be replaced.
 */
export function checkStage(
  { instructions }: Stage,
  base: StageKnowledge,
  surroundings: Surroundings,
  findings: Findings,
): StageKnowledge {
  const check = new StageCheck(base, surroundings, findings);
  for (const instruction of instructions) check.instruction(instruction);
  return check.knowledge();
}

/** To compare a name with more than these takes too long. */
const mostSuggested = 500;

const secret = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const noSecret = /(?:_|^)(?:public|file|version)(?:_|$)/i;

class StageCheck {
  readonly #surroundings: Surroundings;
  readonly #findings: Findings;
  readonly #variables: Map<string, string> | undefined;
  readonly #declared: Set<string>;
  readonly #once = new Map<string, Instruction>();
  #shell: boolean;
  #workdir: boolean;

  constructor(base: StageKnowledge, surroundings: Surroundings, findings: Findings) {
    this.#surroundings = surroundings;
    this.#findings = findings;
    this.#variables = base.variables && new Map(base.variables);
    this.#declared = new Set(base.declared);
    this.#shell = base.shell;
    this.#workdir = base.workdir;
  }

  knowledge(): StageKnowledge {
    return {
      variables: this.#variables,
      declared: this.#declared,
      shell: this.#shell,
      workdir: this.#workdir,
    };
  }

  instruction(instruction: Instruction): void {
    this.#names(instruction);
    switch (instruction.keyword) {
      case "MAINTAINER": {
        const message = "Maintainer instruction is deprecated in favor of using label";
        this.#findings.add("MaintainerDeprecated", instruction.range, message);
        break;
      }
      case "CMD":
      case "ENTRYPOINT":
        this.#lastCounts(instruction);
        if (instruction.command.shell && !this.#shell) this.#shellForm(instruction);
        break;
      case "HEALTHCHECK":
        this.#lastCounts(instruction);
        break;
      case "SHELL":
        this.#shell = true;
        break;
      case "ENV":
      case "LABEL":
        this.#pairs(instruction, instruction.pairs);
        break;
      case "ARG":
        this.#arguments(instruction);
        break;
      case "WORKDIR":
        this.#directory(instruction);
        break;
      case "EXPOSE":
        for (const port of instruction.ports) this.#port(instruction, port);
        break;
      case "COPY":
        if (instruction.from === undefined) this.#ignored(instruction, "Copy", instruction.sources);
        break;
      case "ADD":
        this.#ignored(instruction, "Add", instruction.sources);
    }
  }

  #shellForm({ keyword, range }: Instruction): void {
    const message = `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`;
    this.#findings.add("JSONArgsRecommended", range, message);
  }

  /** Replaces variables as the build does, and tells of those that have no value, with a default or without. */
  #expanded(instruction: Instruction, expand: (words: Words) => string): string {
    const known = this.#variables ?? new Map<string, string>();
    const unset = new Set<string>();
    const words = new Words(
      this.#surroundings.directives.escape,
      (name) => known.get(name),
      (name) => unset.add(name),
    );
    let result = "";
    try {
      result = expand(words);
    } catch (error) {
      throw located(error, instruction.range);
    }
    for (const name of unset) {
      if (this.#declared.has(name)) continue;
      const meant = known.size > mostSuggested ? "" : nearest(name, known.keys());
      const question = meant === "" ? "" : ` (did you mean $${meant}?)`;
      const message = `Usage of undefined variable '$${name}'${question}`;
      this.#findings.add("UndefinedVar", instruction.range, message);
    }
    return result;
  }

  #names(instruction: Instruction): void {
    if (this.#variables === undefined) return;
    for (const text of wordsOf(instruction)) this.#expanded(instruction, (words) => words.word(text));
    for (const text of textsOf(instruction)) this.#expanded(instruction, (words) => words.text(text));
  }

  #lastCounts(instruction: Instruction): void {
    const earlier = this.#once.get(instruction.keyword);
    this.#once.set(instruction.keyword, instruction);
    if (earlier === undefined) return;
    const message = `Multiple ${instruction.keyword} instructions should not be used in the same stage because only the last one will be used`;
    this.#findings.add("MultipleInstructionsDisallowed", earlier.range, message);
  }

  #pairs(instruction: Instruction, pairs: readonly KeyValue[]): void {
    const { keyword, range } = instruction;
    // All of them with the values from before.
    const values = new Map(this.#variables);
    const words = new Words(this.#surroundings.directives.escape, (name) => values.get(name));
    for (const { key, value, legacy } of pairs) {
      if (legacy) {
        const message = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`;
        this.#findings.add("LegacyKeyValueFormat", range, message);
      }
      if (keyword !== "ENV") continue;
      this.#secret("ENV", key, range);
      this.#variables?.set(key, words.word(value));
    }
  }

  #arguments(instruction: Extract<Instruction, { keyword: "ARG" }>): void {
    const { args, range } = instruction;
    for (const { name, value } of args) {
      this.#secret("ARG", name, range);
      const own =
        this.#variables === undefined || value === undefined
          ? undefined
          : this.#expanded(instruction, (words) => words.word(value));
      this.#declared.add(name);
      const result = this.#surroundings.given.get(name) ?? own;
      if (result !== undefined) this.#variables?.set(name, result);
    }
  }

  #secret(keyword: string, name: string, range: Instruction["range"]): void {
    if (!secret.test(name) || noSecret.test(name)) return;
    const message = `Do not use ARG or ENV instructions for sensitive data (${keyword} ${JSON.stringify(name)})`;
    this.#findings.add("SecretsUsedInArgOrEnv", range, message);
  }

  #directory({ path: written, range }: Extract<Instruction, { keyword: "WORKDIR" }>): void {
    const known = this.#variables;
    const words = new Words(this.#surroundings.directives.escape, (name) => known?.get(name));
    const path = words.word(written);
    const isKnown = known !== undefined || !written.includes("$");
    if (!this.#workdir && isKnown && !path.startsWith("/")) {
      const message = `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`;
      this.#findings.add("WorkdirRelativePath", range, message);
    }
    this.#workdir = true;
  }

  #port({ range }: Instruction, port: string): void {
    const protocol = port.split("/")[1] ?? "";
    if (protocol !== protocol.toLowerCase() && !protocol.includes("$")) {
      const message = `Defined protocol '${port}' in EXPOSE instruction should be lowercase`;
      this.#findings.add("ExposeProtoCasing", range, message);
    }
    if (port.replace(/\$\{[^}]*\}/g, "").includes(":")) {
      const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
      this.#findings.add("ExposeInvalidFormat", range, message);
    }
  }

  #ignored({ range }: Instruction, verb: string, sources: readonly string[]): void {
    for (const source of sources) {
      if (/^(https?:|git@|git:)|[$*?[]/.test(source)) continue;
      const path = source.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
      if (path === "" || path === "." || !this.#surroundings.isIgnored(path)) continue;
      const message = `Attempting to ${verb} file ${JSON.stringify(source)} that is excluded by .dockerignore`;
      this.#findings.add("CopyIgnoredFile", range, message);
    }
  }
}

/** The texts of an instruction in which the builder replaces variables. */
function wordsOf(instruction: Instruction): string[] {
  switch (instruction.keyword) {
    case "ENV":
    case "LABEL":
      return instruction.pairs.flatMap(({ key, value }) => [key, value]);
    case "COPY":
    case "ADD": {
      const { sources, destination, chown, chmod } = instruction;
      return [...sources, destination, chown ?? "", chmod ?? ""];
    }
    case "VOLUME":
      return instruction.volumes;
    case "USER":
      return [instruction.user];
    case "WORKDIR":
      return [instruction.path];
    case "STOPSIGNAL":
      return [instruction.signal];
    case "RUN":
      return instruction.mounts.flatMap(({ source, target, id }) => [source ?? "", target ?? "", id ?? ""]);
    default:
      return [];
  }
}

/** The here-documents of an instruction in which the builder replaces variables. */
function textsOf(instruction: Instruction): string[] {
  if (instruction.keyword !== "COPY" && instruction.keyword !== "ADD") return [];
  return instruction.files.filter(({ expand }) => expand).map(heredocText);
}
