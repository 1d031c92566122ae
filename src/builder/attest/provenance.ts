import type { InstructionOf } from "../../dockerfile/instruction.ts";
import { formatPlatform, hostPlatform } from "../../oci/platform.ts";
import type { Built } from "../build.ts";
import type { Material } from "../record.ts";
import { type BuildSteps, buildSteps, listSteps } from "./build-steps.ts";
import { secretName } from "./operations.ts";
import { imagePurl } from "./purl.ts";
import type { ProvenanceRequest } from "./requests.ts";
import { withoutCredentials } from "./without-credentials.ts";

const buildType = "https://mobyproject.org/buildkit@v1";
/** What the fields of provenance 1 are explained by. */
const buildType1 = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";

/** How a result was asked for, and when it was made. */
export interface Circumstances {
  /** `dockerfile.v0`, with what it was told by name. */
  attrs: Readonly<Record<string, string>>;
  dockerfile: { name: string; text: string };
  /** Names of the folders of the client that were read. */
  locals: readonly string[];
  /** RFC 3339. */
  started: string;
  finished: string;
  /** "" where it is not to be told. */
  invocation: string;
  /** The network that steps have that do not say it themselves: `""`, `none`, `host`. */
  network: string;
}

/** What of the attributes is the client's own affair, and says nothing about the result. */
const hostSpecific = new Set([
  "cgroup-parent",
  "image-resolve-mode",
  "platform",
  "cache-imports",
  "add-hosts",
]);

type DigestSet = Record<string, string>;
interface Resource {
  uri: string;
  digest: DigestSet;
}

/** The fields of SLSA provenance 0.2, with BuildKit's own among them (docs/attestations/slsa-provenance.md there). */
interface Provenance {
  builder: { id: string };
  buildType: string;
  materials?: Resource[];
  invocation: {
    configSource: { uri?: string; digest?: DigestSet; entryPoint?: string };
    parameters: Parameters;
    environment: { platform: string };
  };
  buildConfig?: { llbDefinition: BuildSteps["definition"]; digestMapping: BuildSteps["digestMapping"] };
  metadata: {
    buildInvocationID?: string;
    buildStartedOn: string;
    buildFinishedOn: string;
    completeness: { parameters: boolean; environment: boolean; materials: boolean };
    reproducible: boolean;
    hermetic: boolean;
    buildkit: Record<string, unknown>;
  };
}

interface Parameters {
  frontend: string;
  args?: Record<string, string>;
  secrets?: { id: string; optional?: true }[];
  ssh?: { id: string; optional?: true }[];
  locals?: { name: string }[];
}

/** The predicate of the version that is asked for. No secret's value is in it, nor what addresses say of passwords. */
export function provenanceOf(built: Built, about: Circumstances, request: ProvenanceRequest): object {
  const full = describe(built, about, request);
  return request.version === "v1" ? slsa1(full) : slsa02(full);
}

function describe(built: Built, about: Circumstances, request: ProvenanceRequest): Provenance {
  const { mode, builderId, reproducible } = request;
  const materials = built.record.materials.toSorted(byKind).map(resourceOf);
  const { args, vcs, configSource } = takeApart(about, materials);
  const isGiven = (name: string) => name.startsWith("build-arg:") || name.startsWith("label:");
  const shown = Object.entries(args).filter(([name]) => mode === "max" || !isGiven(name));
  const usesNetwork = runsOf(built).some(({ network }) => (network ?? about.network) !== "none");
  const isWhole = about.locals.length === 0;
  const steps = mode === "max" ? buildSteps(built, about) : undefined;
  return {
    builder: { id: builderId },
    buildType,
    ...(materials.length > 0 && { materials }),
    invocation: {
      configSource,
      parameters: {
        frontend: "dockerfile.v0",
        ...(shown.length > 0 && { args: Object.fromEntries(shown) }),
        ...(mode === "max" && namesOf(built)),
        ...(about.locals.length > 0 && { locals: about.locals.map((name) => ({ name })) }),
      },
      environment: { platform: formatPlatform(hostPlatform()) },
    },
    ...(steps && { buildConfig: { llbDefinition: steps.definition, digestMapping: steps.digestMapping } }),
    metadata: {
      ...(about.invocation !== "" && { buildInvocationID: about.invocation }),
      buildStartedOn: about.started,
      buildFinishedOn: about.finished,
      completeness: {
        parameters: mode === "max" || !Object.keys(args).some(isGiven),
        environment: true,
        materials: isWhole,
      },
      reproducible,
      hermetic: isWhole && !usesNetwork,
      buildkit: {
        ...(Object.keys(vcs).length > 0 && { vcs }),
        ...(steps && { source: sourceOf(about, steps) }),
        ...(steps && Object.keys(steps.layers).length > 0 && { layers: steps.layers }),
      },
    },
  };
}

function slsa02({ metadata, ...rest }: Provenance): object {
  const { hermetic, buildkit, ...usual } = metadata;
  return {
    ...rest,
    metadata: {
      ...usual,
      ...(hermetic && { [`${buildType}#hermetic`]: true }),
      [`${buildType}#metadata`]: buildkit,
    },
  };
}

/** The same in the fields of SLSA provenance 1, and BuildKit's names for its own (docs/attestations/slsa-provenance.md there). */
function slsa1({ builder, materials, invocation, buildConfig, metadata }: Provenance): object {
  const { configSource, parameters, environment } = invocation;
  const { entryPoint, ...source } = configSource;
  const { buildInvocationID, completeness, hermetic, reproducible, buildkit } = metadata;
  return {
    buildDefinition: {
      buildType: buildType1,
      externalParameters: {
        configSource: { ...source, ...(entryPoint !== undefined && { path: entryPoint }) },
        request: parameters,
      },
      internalParameters: { ...(buildConfig && { buildConfig }), builderPlatform: environment.platform },
      ...(materials && { resolvedDependencies: materials }),
    },
    runDetails: {
      builder,
      metadata: {
        ...(buildInvocationID && { invocationId: buildInvocationID }),
        startedOn: metadata.buildStartedOn,
        finishedOn: metadata.buildFinishedOn,
        buildkit_metadata: buildkit,
        ...(hermetic && { buildkit_hermetic: true }),
        buildkit_completeness: {
          request: completeness.parameters,
          resolvedDependencies: completeness.materials,
        },
        ...(reproducible && { buildkit_reproducible: true }),
      },
    },
  };
}

const kinds: readonly Material["kind"][] = ["image", "layout", "git", "http"];
const byKind = (one: Material, other: Material) => kinds.indexOf(one.kind) - kinds.indexOf(other.kind);

function resourceOf(material: Material): Resource {
  if (material.kind === "git")
    return { uri: withoutCredentials(material.url), digest: { sha1: material.commit } };
  const [algorithm = "", value = ""] = material.digest.split(":");
  const uri =
    material.kind === "http"
      ? withoutCredentials(material.url)
      : imagePurl(material.name, material.platform, material.kind === "layout" ? "oci" : "docker");
  return { uri, digest: { [algorithm]: value } };
}

/** The attributes: where the Dockerfile is from, what the client says of its version, and the rest. */
function takeApart({ attrs }: Circumstances, materials: readonly Resource[]) {
  const args: Record<string, string> = {};
  const vcs: Record<string, string> = {};
  const configSource: Provenance["invocation"]["configSource"] = {};
  for (const [name, value] of Object.entries(attrs).sort()) {
    if (name === "context") {
      // What the client sends by itself has a name for this build alone.
      if (value.startsWith("http://buildkit-session/")) continue;
      const uri = withoutCredentials(value);
      const known = materials.find((material) => material.uri === uri);
      Object.assign(configSource, { uri, ...(known && { digest: known.digest }) });
    } else if (name === "filename") configSource.entryPoint = value;
    else if (name.startsWith("vcs:")) {
      if (value !== "") vcs[name.slice("vcs:".length)] = withoutCredentials(value);
    } else if (
      !hostSpecific.has(name) &&
      !/^(attest:|local-sessionid:|build-arg:BUILDKIT_ATTEST_)/.test(name)
    ) {
      args[name] = withoutCredentials(value);
    }
  }
  return { args, vcs, configSource };
}

function runsOf({ record }: Built): InstructionOf<"RUN">[] {
  return record.steps
    .map(({ instruction }) => instruction)
    .filter(({ keyword }) => keyword === "RUN") as InstructionOf<"RUN">[];
}

/** The names of secrets and agents that steps have asked for. */
function namesOf(built: Built): Pick<Parameters, "secrets" | "ssh"> {
  const found = { secret: new Map<string, boolean>(), ssh: new Map<string, boolean>() };
  for (const mount of runsOf(built).flatMap(({ mounts }) => mounts)) {
    const { type, id, required } = mount;
    if (type !== "secret" && type !== "ssh") continue;
    const name = type === "ssh" ? (id ?? "default") : secretName(mount);
    found[type].set(name, (found[type].get(name) ?? false) || required);
  }
  const listed = (names: Map<string, boolean>) =>
    [...names].map(([id, required]) => ({ id, ...(!required && { optional: true as const }) }));
  const [secrets, ssh] = [listed(found.secret), listed(found.ssh)];
  return { ...(secrets.length > 0 && { secrets }), ...(ssh.length > 0 && { ssh }) };
}

function sourceOf(about: Circumstances, { locations }: BuildSteps): object {
  const { name, text } = about.dockerfile;
  const other = name === "Dockerfile" ? ["dockerfile"] : [];
  const attrs = {
    "local.differ": "none",
    "local.followpaths": JSON.stringify([name, `${name}.dockerignore`, ...other]),
    "local.sharedkeyhint": "dockerfile",
  };
  const remote = about.locals.includes("dockerfile") ? undefined : about.attrs.context;
  const source =
    remote === undefined
      ? { identifier: "local://dockerfile", attrs }
      : { identifier: withoutCredentials(remote) };
  const file = { Op: { source }, inputs: [] };
  const { definition: llbDefinition, digestMapping } = listSteps(file);
  const data = Buffer.from(text).toString("base64");
  return {
    locations,
    infos: [{ filename: name, language: "Dockerfile", data, llbDefinition, digestMapping }],
  };
}
