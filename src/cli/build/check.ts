import { basename, resolve } from "node:path";
import { invalidArgument, isEngineError } from "../../base/errors.ts";
import { PathPatterns } from "../../base/path-patterns.ts";
import type { Client } from "../../client/client.ts";
import { type BaseFacts, checkDockerfile } from "../../dockerfile/checks/check.ts";
import { checkReport } from "../../dockerfile/checks/report.ts";
import { type Dockerfile, parseDockerfile } from "../../dockerfile/dockerfile.ts";
import { DockerfileError, excerpt } from "../../dockerfile/errors.ts";
import { readGlobalArgs } from "../../dockerfile/global-args.ts";
import { Words } from "../../dockerfile/variables.ts";
import { hostPlatform, parsePlatform } from "../../oci/platform.ts";
import { localDockerfile } from "./context.ts";
import { isRemoteContext, wholeInput } from "./context-kind.ts";

export interface CheckRequest {
  context: string;
  file: string;
  args: ReadonlyMap<string, string>;
  target: string;
  /** "" for the host's. */
  platform: string;
}

/**
 * `docker build --check`: carries out the build checks on what stands in the Dockerfile, and asks the daemon only for
 * what it knows of base images. Returns the report, and whether nothing was found. Throws with the lines that are wrong
 * where the Dockerfile makes no sense.
 */
export async function checkBuild(
  client: Client,
  request: CheckRequest,
  input: () => AsyncIterable<Uint8Array>,
): Promise<{ report: string; sound: boolean }> {
  const { name, text, ignored } = await read(request, input);
  const patterns = PathPatterns.read(ignored);
  try {
    const dockerfile = parseDockerfile(text);
    const platform = request.platform === "" ? hostPlatform() : parsePlatform(request.platform);
    const build = { args: request.args, target: request.target, platform };
    const bases = await baseFacts(client, dockerfile, build);
    const findings = checkDockerfile(dockerfile, {
      ...build,
      isIgnored: (path) => patterns.matches(path),
      base: (image) => bases.get(image),
    });
    return { report: checkReport(findings, name, text), sound: findings.length === 0 };
  } catch (error) {
    if (!(error instanceof DockerfileError) || error.range === undefined) throw error;
    throw invalidArgument(`${error.message}\n${excerpt(name, text, error.range)}`, error);
  }
}

async function read({ context, file }: CheckRequest, input: () => AsyncIterable<Uint8Array>) {
  if (isRemoteContext(context)) {
    throw invalidArgument(
      `cannot check ${context}: only the Dockerfile of a folder or of stdin can be checked`,
    );
  }
  if (context === "-" || file === "-") {
    return { name: "Dockerfile", text: Buffer.from(await wholeInput(input())).toString("utf8"), ignored: "" };
  }
  const { path, text, ignored } = localDockerfile(resolve(context), file);
  return { name: basename(path), text, ignored };
}

/** What the daemon knows of the images that stages begin with; those that it has not are left out. */
async function baseFacts(
  client: Client,
  dockerfile: Dockerfile,
  build: Parameters<typeof readGlobalArgs>[1],
): Promise<Map<string, BaseFacts>> {
  const { values } = readGlobalArgs(dockerfile, build);
  const words = new Words(dockerfile.directives.escape, (name) => values.get(name));
  const images = new Set(dockerfile.stages.map(({ from }) => words.word(from.image)));
  const facts = new Map<string, BaseFacts>();
  for (const name of images) {
    if (name === "" || name === "scratch") continue;
    try {
      const { Config } = await client.call("ImageInspect", { params: { name } });
      const variables = (Config?.Env ?? []).map((pair) => pair.split("=", 1)[0] ?? "");
      facts.set(name, { variables, shell: (Config?.Shell ?? []).length > 0 });
    } catch (error) {
      // An image that is not here, or the name of a stage, or no daemon to ask: then nothing is known of it.
      if (!isEngineError(error, "notFound") && !isEngineError(error, "invalidArgument")) throw error;
    }
  }
  return facts;
}
