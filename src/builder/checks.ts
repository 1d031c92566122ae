import { isEngineError } from "../base/errors.ts";
import {
  type BaseFacts,
  type CheckedBuild,
  checkDockerfile,
  failOnFindings,
} from "../dockerfile/checks/check.ts";
import type { Finding } from "../dockerfile/checks/findings.ts";
import { rules, ruleUrl } from "../dockerfile/checks/rules.ts";
import type { Dockerfile, Stage } from "../dockerfile/dockerfile.ts";
import { DockerfileError } from "../dockerfile/errors.ts";
import { Environment } from "../dockerfile/variables.ts";
import type { Platform } from "../oci/platform.ts";
import type { BuilderDeps } from "./deps.ts";
import { contextNamed } from "./named-contexts.ts";
import type { BuildOptions } from "./options.ts";
import { planBuild } from "./plan.ts";
import type { BuildProgress } from "./progress.ts";

/** Tells the progress what the checks find; images that are not here are not fetched for it. Throws `DockerfileError` where `error=true` was asked for. */
export function warnOfFindings(
  deps: Pick<BuilderDeps, "images">,
  dockerfile: Dockerfile,
  options: BuildOptions,
  stages: ReadonlySet<Stage>,
  progress: BuildProgress,
): void {
  const build = checked(deps, options, stages);
  const findings = checkDockerfile(dockerfile, build);
  const told = new Set<string>();
  for (const { rule, message, range } of findings) {
    const said = `${range.start} ${rule} ${message}`;
    // A line that has the same fault more than once is told of once.
    if (told.has(said)) continue;
    told.add(said);
    const { description } = rules[rule];
    progress.warn({ rule, description, url: ruleUrl(rule), message, line: range.start });
  }
  failOnFindings(dockerfile, build, findings);
}

/**
 * What the checks find in all of the Dockerfile, or in the stages of `--target`, and what a build will fail with. Throws
 * `DockerfileError`.
 */
export function findingsOf(
  deps: Pick<BuilderDeps, "images">,
  dockerfile: Dockerfile,
  options: BuildOptions,
): { findings: Finding[]; failure: DockerfileError | undefined } {
  const plan = planBuild(dockerfile, options);
  const wanted = options.target === "" ? dockerfile.stages : plan.stages.map(({ stage }) => stage);
  const build = checked(deps, options, new Set(wanted));
  let failure: DockerfileError | undefined;
  const findings = checkDockerfile(dockerfile, build, (error) => {
    failure = error;
  });
  try {
    failOnFindings(dockerfile, build, findings);
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    failure ??= error;
  }
  return { findings, failure };
}

function checked(
  { images }: Pick<BuilderDeps, "images">,
  options: BuildOptions,
  stages: ReadonlySet<Stage>,
): CheckedBuild {
  return {
    args: options.args,
    platform: options.platform,
    target: options.target,
    isIgnored: (path) => options.isIgnored?.(path) ?? false,
    base: (name) => {
      const named = contextNamed(options.namedContexts, name, options.platform);
      return facts(images, named !== undefined && "image" in named ? named.image : name, options.platform);
    },
    stages,
  };
}

function facts(images: BuilderDeps["images"], name: string, platform: Platform): BaseFacts | undefined {
  try {
    const { config } = images.resolve(name, platform).config;
    return {
      variables: new Environment(config?.Env).values(),
      shell: (config?.Shell ?? []).length > 0,
    };
  } catch (error) {
    if (isEngineError(error, "notFound") || isEngineError(error, "invalidArgument")) return undefined;
    throw error;
  }
}
