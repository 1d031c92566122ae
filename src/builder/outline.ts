import type { Dockerfile } from "../dockerfile/dockerfile.ts";
import type { InstructionOf } from "../dockerfile/instruction.ts";
import { commentOn, type Location, locationOf } from "../dockerfile/location.ts";
import { isPlatformArg, Words } from "../dockerfile/variables.ts";
import type { BuildOptions } from "./options.ts";
import { type Plan, planBuild } from "./plan.ts";

/** What a target takes (BuildKit's `frontend.outline`); what has no value is left out. */
export interface Outline {
  name?: string;
  description?: string;
  args?: { name: string; description?: string; value?: string; location: Location }[];
  secrets?: Needed[];
  ssh?: Needed[];
  cache?: { ID: string; location: Location }[];
}

interface Needed {
  name: string;
  required?: true;
  location: Location;
}

type Arguments = InstructionOf<"ARG">;

/** The arguments, secrets, agents and caches of the target and of the stages that it needs. Throws `DockerfileError`. */
export function outlineOf(dockerfile: Dockerfile, options: BuildOptions): Outline {
  const plan = planBuild(dockerfile, options);
  const { stage } = plan.target;
  const description = commentOn(stage.comments, stage.from.name ?? "");
  const filled = {
    ...(stage.name !== "" && { name: stage.name }),
    ...(description !== "" && { description }),
    ...mountsOf(plan),
  };
  const args = argumentsOf(dockerfile, plan, options);
  return args.length === 0 ? filled : { ...filled, args };
}

type Shown = NonNullable<Outline["args"]>[number];

/** Those that the stages take, where their values come from: their own line, or that of the `ARG` before all stages. */
function argumentsOf(dockerfile: Dockerfile, { stages, globals }: Plan, options: BuildOptions): Shown[] {
  const before = new Map<string, Shown & { default: string }>();
  const shownOf = (
    { comments, range }: Arguments,
    name: string,
    value: string | undefined,
    inherited = "",
  ): Shown => {
    const description = commentOn(comments, name) || inherited;
    const said = { ...(description !== "" && { description }), ...(value && { value }) };
    return { name, ...said, location: locationOf(range) };
  };
  for (const one of dockerfile.globalArgs) {
    for (const { name, value = "" } of one.args) {
      before.set(name, { ...shownOf(one, name, globals.values.get(name)), default: value });
    }
  }
  const found = new Map<string, Shown>();
  const take = (name: string) => {
    const known = before.get(name);
    if (known === undefined || found.has(name)) return;
    const { default: text, ...shown } = known;
    found.set(name, shown);
    takeNamed(text);
  };
  /** Those that a text has, and those that their own values are made of. */
  const takeNamed = (text: string) => {
    for (const [, name = ""] of text.matchAll(/\$\{?(\w+)/g)) take(name);
  };
  for (const { stage } of stages) {
    takeNamed(`${stage.from.image} ${stage.from.platform ?? ""}`);
    const values = new Map<string, string>();
    const words = new Words(
      dockerfile.directives.escape,
      (name) => values.get(name) ?? globals.values.get(name),
    );
    for (const instruction of stage.instructions) {
      if (instruction.keyword !== "ARG") continue;
      for (const { name, value } of instruction.args) {
        const own = options.args.get(name) ?? (value === undefined ? undefined : words.word(value));
        const result = own ?? globals.values.get(name);
        if (result !== undefined) values.set(name, result);
        // What every build has is of no interest.
        if (value === undefined && isPlatformArg(name)) continue;
        const known = before.get(name);
        if (value === undefined && known !== undefined) take(name);
        else found.set(name, shownOf(instruction, name, result, known?.description));
      }
    }
  }
  return [...found.values()].sort((a, b) => lineOf(a) - lineOf(b));
}

const lineOf = ({ location }: { location: Location }) => location.ranges[0]?.start.line ?? 0;

function mountsOf({ stages }: Plan): Pick<Outline, "secrets" | "ssh" | "cache"> {
  const secrets = new Map<string, Needed>();
  const agents = new Map<string, Needed>();
  const caches = new Map<string, NonNullable<Outline["cache"]>[number]>();
  for (const instruction of stages.flatMap(({ stage }) => stage.instructions)) {
    if (instruction.keyword !== "RUN") continue;
    const location = locationOf(instruction.range);
    for (const { type, id, source, target, required } of instruction.mounts) {
      const isRequired = required ? { required: true as const } : {};
      if (type === "cache") {
        const ID = id ?? target ?? "";
        if (!caches.has(ID)) caches.set(ID, { ID, location });
      } else if (type === "secret" || type === "ssh") {
        const all = type === "ssh" ? agents : secrets;
        const name = id ?? (type === "ssh" ? "default" : (source ?? target?.split("/").pop() ?? ""));
        all.set(name, { name, location, ...all.get(name), ...isRequired });
      }
    }
  }
  return {
    ...(secrets.size > 0 && { secrets: [...secrets.values()] }),
    ...(agents.size > 0 && { ssh: [...agents.values()] }),
    ...(caches.size > 0 && { cache: [...caches.values()] }),
  };
}
