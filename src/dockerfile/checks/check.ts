import type { Platform } from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import { readCheck } from "../directives.ts";
import type { Dockerfile, Stage } from "../dockerfile.ts";
import { DockerfileError } from "../errors.ts";
import { readGlobalArgs } from "../global-args.ts";
import { defaultPath, Words } from "../variables.ts";
import { type Finding, Findings } from "./findings.ts";
import { checkFrom } from "./from.ts";
import { checkStage, type StageKnowledge } from "./stage.ts";
import { checkStyle } from "./style.ts";

/** What the checks know of an image that a stage begins with. */
export interface BaseFacts {
  /** Its environment. */
  variables: ReadonlyMap<string, string>;
  /** It has a `SHELL`. */
  shell: boolean;
}

/** The build that the checks are for. */
export interface CheckedBuild {
  /** `--build-arg`; `BUILDKIT_DOCKERFILE_CHECK` goes before the directive `check`. */
  args: ReadonlyMap<string, string>;
  platform: Platform;
  target: string;
  /** True for a path of the context that `.dockerignore` leaves out. */
  isIgnored(path: string): boolean;
  /** What is known of an image; undefined for one that is not here: undefined variables are not looked for then. */
  base(image: string): BaseFacts | undefined;
  /** The stages that are built; all where it is left out. */
  stages?: ReadonlySet<Stage>;
}

/**
 * Carries out Docker's build checks. Pure. Where the build itself will fail it ends, and tells `onFailure`. Throws
 * `DockerfileError` where the Dockerfile makes no sense.
 */
export function checkDockerfile(
  dockerfile: Dockerfile,
  build: CheckedBuild,
  onFailure: (error: DockerfileError) => void = () => {},
): Finding[] {
  const findings = new Findings(checkOptions(dockerfile, build));
  const globals = readGlobalArgs(dockerfile, build);
  checkStyle(dockerfile, findings);
  checkFrom(dockerfile, globals, isImage, findings);
  const known = new Map<string, StageKnowledge>();
  const surroundings = {
    directives: dockerfile.directives,
    given: new Map([...globals.values, ...build.args]),
    isIgnored: build.isIgnored,
  };
  const words = new Words(dockerfile.directives.escape, (name) => globals.values.get(name));
  try {
    for (const stage of dockerfile.stages) {
      if (build.stages?.has(stage) === false) continue;
      const image = words.word(stage.from.image);
      const base = known.get(image.toLowerCase()) ?? fromImage(image, build);
      const knowledge = checkStage(stage, base, surroundings, findings);
      if (stage.name !== "") known.set(stage.name, knowledge);
    }
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    onFailure(error);
  }
  return findings.sorted();
}

function checkOptions({ directives }: Dockerfile, { args }: CheckedBuild) {
  const given = args.get("BUILDKIT_DOCKERFILE_CHECK");
  return given === undefined ? directives.check : readCheck(given);
}

/** Throws where something was found and `error=true` was asked for. */
export function failOnFindings(
  dockerfile: Dockerfile,
  build: CheckedBuild,
  findings: readonly Finding[],
): void {
  if (findings.length === 0 || !checkOptions(dockerfile, build).error) return;
  const names = [...new Set(findings.map(({ rule }) => rule))].sort();
  throw new DockerfileError(`lint violation found for rules: ${names.join(", ")}`);
}

function isImage(name: string): boolean {
  try {
    parseReference(name);
    return true;
  } catch {
    // What is wrong with it does not matter here.
    return false;
  }
}

function fromImage(image: string, build: CheckedBuild): StageKnowledge {
  const base =
    image === "scratch" ? { variables: new Map<string, string>(), shell: false } : build.base(image);
  return {
    variables: base && new Map([["PATH", defaultPath], ...base.variables]),
    declared: new Set(),
    shell: base?.shell ?? false,
    workdir: false,
  };
}
