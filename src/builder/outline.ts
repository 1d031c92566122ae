import type { Dockerfile } from "../dockerfile/dockerfile.ts";
import type { InstructionOf } from "../dockerfile/instruction.ts";
import { commentOn, type Location, locationOf } from "../dockerfile/location.ts";
import { Words } from "../dockerfile/variables.ts";
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

function argumentsOf(dockerfile: Dockerfile, { stages, globals }: Plan, options: BuildOptions) {
  const found = new Map<string, NonNullable<Outline["args"]>[number]>();
  const add = (
    { args, comments, range }: Arguments,
    resultOf: (arg: Arguments["args"][number]) => string | undefined,
  ) => {
    for (const arg of args) {
      if (found.has(arg.name)) continue;
      const description = commentOn(comments, arg.name);
      const value = resultOf(arg);
      const said = { ...(description !== "" && { description }), ...(value && { value }) };
      found.set(arg.name, { name: arg.name, ...said, location: locationOf(range) });
    }
  };
  const froms = stages.map(({ stage: { from } }) => `${from.image} ${from.platform ?? ""}`).join(" ");
  const taken = new Set(
    stages.flatMap(({ stage }) =>
      stage.instructions.flatMap((one) => (one.keyword === "ARG" ? one.args.map(({ name }) => name) : [])),
    ),
  );
  for (const one of dockerfile.globalArgs) {
    // Those that no needed stage looks at are of no use to who builds it.
    const args = one.args.filter(
      ({ name }) => taken.has(name) || new RegExp(`\\$\\{?${name}\\b`).test(froms),
    );
    add({ ...one, args }, ({ name }) => globals.values.get(name));
  }
  for (const { stage } of stages) {
    const values = new Map<string, string>();
    const words = new Words(
      dockerfile.directives.escape,
      (name) => values.get(name) ?? globals.values.get(name),
    );
    for (const instruction of stage.instructions) {
      if (instruction.keyword !== "ARG") continue;
      add(instruction, ({ name, value }) => {
        const result = options.args.get(name) ?? (value === undefined ? undefined : words.word(value));
        if (result !== undefined) values.set(name, result);
        return result;
      });
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
