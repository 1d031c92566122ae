import type { Cleanups } from "../../base/disposables.ts";
import { invalidArgument } from "../../base/errors.ts";
import { PathPatterns, readIgnoreLines } from "../../base/path-patterns.ts";
import { openContext } from "../../builder/context.ts";
import type { BuilderDeps } from "../../builder/deps.ts";
import { contextName, type NamedContext } from "../../builder/named-contexts.ts";
import type { BuildContext } from "../../builder/options.ts";
import type { Material } from "../../builder/record.ts";
import type { ClientSession } from "../../builder/session/client-session.ts";
import { ClientContent } from "../../builder/session/content-store.ts";
import type { Sessions } from "../../builder/session/sessions.ts";
import { SyncedContext } from "../../builder/session/synced-context.ts";
import { uploadOf } from "../../builder/session/upload.ts";
import type { StageState } from "../../builder/stage-state.ts";
import type { OnBytes } from "../../filesync/receive.ts";
import { formatPlatform, parsePlatform } from "../../oci/platform.ts";
import { familiarName, fullString, parseReference, type Reference } from "../../oci/reference.ts";
import { type FrontendAttrs, withPrefix } from "./frontend-options.ts";
import type { StatusProgress } from "./status-progress.ts";

/** What a build is made from: the Dockerfile, and where its files come from. */
export interface Definition {
  dockerfile: string;
  name: string;
  context: BuildContext | SyncedContext;
  /** `--build-context`. */
  named: Map<string, NamedContext>;
  /** What of it is from elsewhere: repositories, archives. */
  materials: readonly Material[];
  /** True for a path of the context that `.dockerignore` leaves out. */
  isIgnored: (path: string) => boolean;
  /** Names of the folders of the client that it is from. */
  locals: readonly string[];
}

export interface DefinitionRequest {
  deps: BuilderDeps;
  session: ClientSession;
  /** Those that further folders are in, where the client says so (`local-sessionid:…`). */
  sessions: Sessions;
  attrs: FrontendAttrs;
  /** The context's archive, where the client sends it apart from the session. */
  archive: AsyncIterable<Uint8Array> | undefined;
  /** Results of other builds that the client hands in, by the name that it gives them. */
  inputs: (name: string) => StageState | undefined;
  /** False where nobody asks for what `--build-context` names. */
  withNamed?: boolean;
  progress: StatusProgress;
  /** Gives back what is kept for the time of the build. */
  owned: Cleanups;
  signal: AbortSignal;
}

/** Reads the Dockerfile; the contexts themselves travel once a step needs them. Throws `invalidArgument`. */
export async function openDefinition(request: DefinitionRequest): Promise<Definition> {
  const { attrs } = request;
  const name = attrs.filename || "Dockerfile";
  const remote = attrs.context ?? "";
  const main = await mainContext(request, remote);
  const named = request.withNamed === false ? new Map() : await namedContexts(request);
  const contexts = [main, ...named.values()];
  const materials = contexts
    .flatMap((one) => ("material" in one ? [one.material] : []))
    .filter((one) => one !== undefined);
  const locals = contexts.flatMap((one) => (one instanceof SyncedContext ? [one.name] : []));
  const common = { name, context: main, named, materials };
  if ("dockerfile" in main && attrs.dockerfilekey === undefined) {
    return { ...common, dockerfile: await main.dockerfile(name), locals, isIgnored: () => false };
  }
  const [{ text, ignore }, ignored] = await Promise.all([
    readDefinition(request, name),
    main instanceof SyncedContext ? readIgnoreFile(request) : "",
  ]);
  if (main instanceof SyncedContext) main.exclude(readIgnoreLines(ignore ?? ignored));
  const patterns = PathPatterns.read(ignore ?? ignored);
  const isIgnored = (path: string) => patterns.matches(path);
  return { ...common, dockerfile: text, isIgnored, locals: [...locals, attrs.dockerfilekey ?? "dockerfile"] };
}

/** How long the bytes of a transfer are summed up before they are told. Milliseconds. */
const pause = 20;

/** Wraps a transfer into a vertex that tells how many bytes have come. */
function transfer(progress: StatusProgress, title: string, what: string) {
  return (work: (onBytes: OnBytes) => Promise<void>) =>
    progress.task(title, async (vertex) => {
      const line = `transferring ${what}:`;
      let current = 0;
      let told = 0;
      await work((bytes) => {
        current = bytes;
        // A folder of many files is many packets: people see the sum.
        if (performance.now() - told < pause) return;
        told = performance.now();
        progress.status(vertex, line, { current, isDone: false });
      });
      progress.status(vertex, line, { current, isDone: true });
    });
}

type LocalRequest = { name: string; purpose: string; title: string; what: string };

async function local(request: DefinitionRequest, wanted: LocalRequest): Promise<SyncedContext> {
  const { deps, sessions, attrs, progress, owned, signal } = request;
  const { name, purpose, title, what } = wanted;
  const shared = attrs[`local-sessionid:${name}`];
  const session = shared === undefined ? request.session : await sessions.find(shared, signal);
  const shown = transfer(progress, title, what);
  const context = new SyncedContext(deps.contexts, { session, name, purpose, shown, signal });
  owned.add(() => context[Symbol.asyncDispose]());
  return context;
}

async function mainContext(request: DefinitionRequest, remote: string) {
  const { deps, session, attrs, archive, progress, owned, signal } = request;
  if (remote === "" && archive === undefined) {
    const name = attrs.contextkey ?? "context";
    return local(request, {
      name,
      purpose: "context",
      title: "[internal] load build context",
      what: "context",
    });
  }
  const upload = uploadOf(session, remote, signal);
  const body = archive ?? upload;
  const title = `[internal] load remote build context`;
  const opened = await progress.task(title, () =>
    openContext(deps, { remote: body === undefined ? remote : "", body: body ?? nothing(), signal }),
  );
  owned.add(() => opened.close());
  return opened;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function namedContexts(request: DefinitionRequest): Promise<Definition["named"]> {
  const named: Definition["named"] = new Map();
  for (const [key, value] of Object.entries(withPrefix(request.attrs, "context:"))) {
    // `name::linux/arm64` is for one platform.
    const [name = "", platform] = key.split("::");
    const suffix = platform === undefined ? "" : `::${formatPlatform(parsePlatform(platform))}`;
    named.set(contextName(name) + suffix, await namedContext(request, name, value));
  }
  return named;
}

async function namedContext(request: DefinitionRequest, name: string, value: string): Promise<NamedContext> {
  const { deps, owned, signal } = request;
  const [, scheme = "", rest = ""] = /^([a-z-]+):(.*)$/.exec(value) ?? [];
  if (scheme === "docker-image") return { image: rest.replace(/^\/\//, "") };
  if (scheme === "local") {
    const title = `[context ${name}] load from client`;
    const context = await local(request, { name: rest, purpose: "context", title, what: name });
    const ignored = await local(request, {
      name: rest,
      purpose: "dockerignore",
      title: `[context ${name}] load .dockerignore`,
      what: name,
    });
    ignored.only([".dockerignore"]);
    context.exclude(readIgnoreLines((await ignored.text(".dockerignore")) ?? ""));
    return context;
  }
  if (scheme === "input") {
    const result = request.inputs(rest);
    if (result === undefined)
      throw invalidArgument(`invalid input: ${rest} not found for build context ${name}`);
    return { result };
  }
  if (scheme === "oci-layout") return imageLayout(request.session, name, rest.replace(/^\/\//, ""));
  if (scheme === "target") throw invalidArgument(`unsupported context source ${scheme} for ${name}`);
  const opened = await openContext(deps, { remote: value, body: nothing(), signal });
  owned.add(() => opened.close());
  return opened;
}

/** `text`: a store of the client, and what of it is meant: `store:tag@sha256:…`. Throws `invalidArgument`. */
function imageLayout(session: ClientSession, name: string, text: string): NamedContext {
  let store: Reference;
  try {
    store = parseReference(text);
  } catch (error) {
    throw invalidArgument(`could not parse oci-layout reference ${JSON.stringify(text)}`, error);
  }
  const { digest } = store;
  if (digest === undefined) {
    throw invalidArgument(`oci-layout reference ${JSON.stringify(fullString(store))} has no digest`);
  }
  // The store's name is of this build alone: people know the context's.
  const shown = `${familiarName(parseReference(name))}@${digest}`;
  return { layout: new ClientContent(session, `oci:${familiarName(store)}`, digest), name: shown };
}

/** The Dockerfile, and the `.dockerignore` that is for it alone. */
async function readDefinition(
  request: DefinitionRequest,
  name: string,
): Promise<{ text: string; ignore: string | undefined }> {
  const folder = await local(request, {
    name: request.attrs.dockerfilekey ?? "dockerfile",
    purpose: "dockerfile",
    title: `[internal] load build definition from ${name}`,
    what: "dockerfile",
  });
  const lower = name === "Dockerfile" ? ["dockerfile"] : [];
  folder.only([name, `${name}.dockerignore`, ...lower]);
  const text = (await folder.text(name)) ?? (lower[0] && (await folder.text(lower[0])));
  if (text === undefined) {
    throw invalidArgument(`failed to read dockerfile: open ${name}: no such file or directory`);
  }
  return { text, ignore: await folder.text(`${name}.dockerignore`) };
}

async function readIgnoreFile(request: DefinitionRequest): Promise<string> {
  const folder = await local(request, {
    name: request.attrs.contextkey ?? "context",
    purpose: "dockerignore",
    title: "[internal] load .dockerignore",
    what: "context",
  });
  folder.only([".dockerignore"]);
  return (await folder.text(".dockerignore")) ?? "";
}
