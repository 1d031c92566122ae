import { heredocText } from "../../dockerfile/heredoc.ts";
import type { InstructionOf } from "../../dockerfile/instruction.ts";
import { formatPlatform, type Platform } from "../../oci/platform.ts";
import { fullString, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { isRemote } from "../add-remote.ts";
import type { Built } from "../build.ts";
import { copyWords } from "../copy-step.ts";
import { isGit } from "../git-address.ts";
import type { PlannedStage } from "../plan.ts";
import type { RecordedStep } from "../record.ts";
import { expandedMount } from "../run-mounts.ts";
import { argumentsOf, scriptOf } from "../run-step.ts";
import type { StageLayer } from "../stage-state.ts";
import {
  copyFields,
  fileOperation,
  handedOver,
  isSame,
  type Lines,
  mkfile,
  mountFields,
  type Operation,
  ownerOf,
  placeOf,
  secretName,
  unique,
} from "./operations.ts";
import { withoutCredentials } from "./without-credentials.ts";

/** What a build was asked for with, as far as it says where files are from. */
export interface Asked {
  attrs: Readonly<Record<string, string>>;
  /** Names of the folders of the client that were read. */
  locals: readonly string[];
}

type Copy = InstructionOf<"COPY"> | InstructionOf<"ADD">;

/** The operations that a build consists of, as BuildKit's frontend would ask for them. */
export class StepGraph {
  /** The layers of what an operation has come to, where it made or brought some. */
  readonly layers = new Map<Operation, readonly StageLayer[]>();
  readonly #built: Built;
  readonly #asked: Asked;
  readonly #sources = new Map<string, Operation>();
  readonly #steps = new Map<RecordedStep, Operation>();
  readonly #ofStage: ReadonlyMap<PlannedStage, RecordedStep[]>;

  constructor(built: Built, asked: Asked) {
    this.#built = built;
    this.#asked = asked;
    this.#ofStage = Map.groupBy(built.record.steps, ({ stage }) => stage);
  }

  /** What the result is; undefined where it is made of nothing. */
  get result(): Operation | undefined {
    return this.#stage(this.#built.plan.target);
  }

  #stage(stage: PlannedStage): Operation | undefined {
    const last = this.#ofStage.get(stage)?.at(-1);
    return last === undefined ? this.#base(stage) : this.#step(last);
  }

  #base({ base, platform, stage }: PlannedStage): Operation | undefined {
    if (base.kind === "stage") return this.#stage(base.stage);
    return base.kind === "image" ? this.#named(base.image, platform, stage.from.range) : undefined;
  }

  #step(step: RecordedStep): Operation {
    const known = this.#steps.get(step);
    if (known !== undefined) return known;
    const { stage, instruction, before, after } = step;
    const steps = this.#ofStage.get(stage) ?? [];
    const previous = steps[steps.indexOf(step) - 1];
    const base = previous === undefined ? this.#base(stage) : this.#step(previous);
    if (base !== undefined && !this.layers.has(base)) this.layers.set(base, before.layers);
    const made = this.#operationOf(step, base);
    // What a base image triggers stands in no line of this file.
    if (stage.stage.instructions.includes(instruction)) made.lines = [instruction.range];
    this.#steps.set(step, made);
    if (after.layers.length > before.layers.length) this.layers.set(made, after.layers);
    return made;
  }

  #operationOf(step: RecordedStep, base: Operation | undefined): Operation {
    const { instruction, before, after } = step;
    if (instruction.keyword === "RUN") return this.#run(step, instruction, base);
    if (instruction.keyword === "COPY" || instruction.keyword === "ADD") {
      return this.#copy(step, instruction, base);
    }
    const { User } = before.config;
    const mkdir = {
      path: after.config.WorkingDir ?? "/",
      mode: 0o755,
      makeParents: true,
      ...(User ? { owner: ownerOf(User) } : {}),
      timestamp: isSame,
    };
    return fileOperation(base, [{ Action: { mkdir } }]);
  }

  /** No value of a secret is in it: only what arguments and the environment say. */
  #run(step: RecordedStep, instruction: InstructionOf<"RUN">, base: Operation | undefined): Operation {
    const { words, before } = step;
    const { Env = [], WorkingDir, User } = before.config;
    const mounts = instruction.mounts.map((mount) => expandedMount({ words, state: before }, mount));
    const shown = mounts
      .filter(({ type }) => type !== "secret" && type !== "ssh")
      .map((mount) => ({
        dest: mount.target ?? "",
        fields: mountFields(mount),
        from: this.#mounted(step, mount),
      }));
    const script = scriptOf(instruction);
    if (script !== undefined) {
      const name = script.path.split("/").pop() ?? "";
      const fields = { selector: "/", dest: "/dev/pipes/", output: isSame, readonly: true };
      shown.push({ dest: fields.dest, fields, from: mkfile(name, script.text, 0o755) });
    }
    shown.sort((one, other) => (one.dest < other.dest ? -1 : 1));
    const inputs = unique([base, ...shown.map(({ from }) => from)]);
    const inputOf = (from: Operation | undefined) => {
      const at = from === undefined ? isSame : inputs.indexOf(from);
      return at === 0 ? {} : { input: at };
    };
    const secrets = mounts.filter(({ type }) => type === "secret");
    const agents = mounts.filter(({ type }) => type === "ssh");
    const secretenv = secrets.flatMap((mount) => {
      const { env: name, required } = mount;
      return name === undefined
        ? []
        : [{ ID: secretName(mount), name, ...(!required && { optional: true }) }];
    });
    const network = { host: 1, none: 2 }[instruction.network ?? ""];
    return {
      Op: {
        exec: {
          meta: {
            args: argumentsOf(before, instruction),
            env: [
              ...argumentsSeen(step),
              ...(Env ?? []),
              ...agents.map((one) => `SSH_AUTH_SOCK=${placeOf(one)}`),
            ],
            cwd: WorkingDir || "/",
            ...(User ? { user: User } : {}),
            removeMountStubsRecursive: true,
          },
          mounts: [
            { ...inputOf(base), dest: "/" },
            ...shown.map(({ fields, from }) => ({ ...inputOf(from), ...fields })),
            ...[...secrets, ...agents].flatMap((mount) => handedOver(mount) ?? []),
          ],
          ...(network !== undefined && { network }),
          ...(instruction.security === "insecure" && { security: 1 }),
          ...(secretenv.length > 0 && { secretenv }),
        },
      },
      inputs,
      platform: platformOf(before.platform),
    };
  }

  #mounted(
    step: RecordedStep,
    { type, from }: { type: string; from: string | undefined },
  ): Operation | undefined {
    if (type === "bind") return this.#from(step, from ?? "");
    return type === "cache" && from !== undefined ? this.#from(step, from) : undefined;
  }

  #copy(step: RecordedStep, instruction: Copy, base: Operation | undefined): Operation {
    const { words, before, after } = step;
    const said = copyWords({ words, state: before }, instruction);
    const fields = copyFields(said);
    const isAdd = instruction.keyword === "ADD";
    const from = isAdd ? "" : (instruction.from ?? "");
    const unpacks = isAdd && { attemptUnpackDockerCompatibility: instruction.unpack !== false };
    const exclude = instruction.exclude.map((pattern) => words.word(pattern));
    const whole = {
      ...fields,
      followSymlink: true,
      dirCopyContents: true,
      ...unpacks,
      createDestPath: true,
      allowWildcard: true,
      allowEmptyWildcard: true,
      timestamp: isSame,
      ...(exclude.length > 0 && { exclude_patterns: exclude }),
    };
    const plain = { ...fields, createDestPath: true, timestamp: isSame };
    const actions = [
      ...said.sources.map((source) => {
        if (isAdd && isRemote(source)) {
          const src = isGit(source) ? "/" : `/${fileNameOf(source)}`;
          const remote = isGit(source) ? whole : plain;
          return { Action: { copy: { src, ...remote } }, from: this.#remote(source) };
        }
        const path = `/${source.replace(/^(\.?\/)+/, "").replace(/^\.$/, "")}`;
        const src = instruction.parents ? { src: "/", include_patterns: [path] } : { src: path };
        return { Action: { copy: { ...src, ...whole } }, from: this.#from(step, from) };
      }),
      ...instruction.files.map((file) => {
        const text = heredocText(file);
        const content = mkfile(file.name, file.expand ? words.text(text) : text, 0o644);
        return { Action: { copy: { src: `/${file.name}`, ...plain } }, from: content };
      }),
    ];
    if (!instruction.link) return fileOperation(base, actions);
    const alone = fileOperation(undefined, actions);
    alone.lines = [instruction.range];
    this.layers.set(alone, after.layers.slice(before.layers.length));
    if (base === undefined) return alone;
    return { Op: { merge: { inputs: [{}, { input: 1 }] } }, inputs: [base, alone] };
  }

  /** What `--from` says: a stage, a context, an image; the build's own context where it says nothing. */
  #from({ stage, instruction }: RecordedStep, name: string): Operation | undefined {
    if (name === "") return this.#context();
    const source = this.#built.plan.sourceOf(stage, name, instruction);
    if (source !== undefined) return this.#stage(source);
    return name === "scratch" ? undefined : this.#named(name, stage.platform, instruction.range);
  }

  #context(): Operation | undefined {
    if (this.#asked.locals.includes("context")) return this.#local("context");
    const { context } = this.#asked.attrs;
    return context === undefined ? undefined : this.#remote(context);
  }

  /** An image, or what `--build-context` has put in its place. */
  #named(name: string, platform: Platform, lines: Lines): Operation | undefined {
    const { attrs } = this.#asked;
    const meant = attrs[`context:${name}::${formatPlatform(platform)}`] ?? attrs[`context:${name}`];
    if (meant === undefined) return this.#image(name, platform, lines);
    const [, scheme = "", rest = ""] =
      /^(docker-image:\/\/|oci-layout:\/\/|local:|input:)?(.*)$/.exec(meant) ?? [];
    if (scheme === "docker-image://") return this.#image(rest, platform, lines);
    if (scheme === "oci-layout://") return this.#source(meant, {}, platformOf(platform));
    if (scheme === "local:") return this.#local(rest);
    // What another build has made is no source.
    return scheme === "input:" ? undefined : this.#remote(meant);
  }

  #image(name: string, platform: Platform, lines: Lines): Operation {
    const reference = withDefaultTag(parseReference(name));
    const known = this.#built.record.materials.find(
      (one) =>
        one.kind === "image" &&
        formatPlatform(one.platform) === formatPlatform(platform) &&
        fullString(withDefaultTag(parseReference(one.name))) === fullString(reference),
    );
    const digest = reference.digest === undefined && known?.kind === "image" ? `@${known.digest}` : "";
    const resolve = this.#asked.attrs["image-resolve-mode"] === "pull" ? "pull" : "local";
    const made = this.#source(
      `docker-image://${fullString(reference)}${digest}`,
      { "image.resolvemode": resolve },
      platformOf(platform),
    );
    made.lines ??= [];
    if (!made.lines.some(({ start }) => start === lines.start)) made.lines.push(lines);
    return made;
  }

  #local(name: string): Operation {
    const wanted = name === "context" ? this.#followed() : undefined;
    return this.#source(`local://${name}`, {
      ...(wanted && { "local.followpaths": JSON.stringify(wanted) }),
      "local.sharedkeyhint": name,
    });
  }

  /** What is asked for of the build's context; undefined where it is all. */
  #followed(): string[] | undefined {
    const paths = this.#built.record.steps.flatMap(({ instruction, words, before }) => {
      if (instruction.keyword === "RUN") {
        const { mounts } = instruction;
        return mounts.some(({ type, from }) => type === "bind" && !from) ? ["."] : [];
      }
      const isContext =
        instruction.keyword === "ADD" || (instruction.keyword === "COPY" && !instruction.from);
      if (!isContext) return [];
      const { sources } = copyWords({ words, state: before }, instruction);
      return sources.filter((source) => instruction.keyword === "COPY" || !isRemote(source));
    });
    const clean = paths.map((path) => path.replace(/^(\.?\/)+/, ""));
    return clean.some((path) => path === "" || path === ".") ? undefined : [...new Set(clean)].sort();
  }

  #remote(address: string): Operation {
    const plain = withoutCredentials(address);
    if (!isGit(address)) return this.#source(plain, { "http.filename": fileNameOf(plain) });
    const [url = ""] = plain.split("#");
    return this.#source(plain.replace(/^(https?:\/\/|git@)?/, "git://"), { "git.fullurl": url });
  }

  #source(identifier: string, attrs: Record<string, string>, platform?: Operation["platform"]): Operation {
    const key = JSON.stringify([identifier, platform]);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const about = Object.keys(attrs).length > 0 ? { identifier, attrs } : { identifier };
    const made: Operation = { Op: { source: about }, inputs: [], ...(platform && { platform }) };
    this.#sources.set(key, made);
    return made;
  }
}

/** Values of `ARG`s that the step sees, unless `ENV` says another one. */
function argumentsSeen({ before: { args, variables, config } }: RecordedStep): string[] {
  const env = new Set((config.Env ?? []).map((pair) => pair.slice(0, pair.indexOf("="))));
  return [...args].flatMap((name) => {
    const value = variables.get(name);
    return value === undefined || env.has(name) ? [] : [`${name}=${value}`];
  });
}

function fileNameOf(address: string): string {
  return URL.parse(address)?.pathname.split("/").pop() || "download";
}

function platformOf({ architecture, os, variant }: Platform): NonNullable<Operation["platform"]> {
  return { Architecture: architecture, OS: os, ...(variant && { Variant: variant }) };
}
