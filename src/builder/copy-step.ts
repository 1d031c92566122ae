import { writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { CopyFrom, Owner } from "../archive/copy.ts";
import { Cleanups } from "../base/disposables.ts";
import { invalidArgument } from "../base/errors.ts";
import { heredocText } from "../dockerfile/heredoc.ts";
import type { InstructionOf } from "../dockerfile/instruction.ts";
import { fetchRemote, isRemote } from "./add-remote.ts";
import { cacheKey, joinedKey } from "./cache.ts";
import { cachedStep, knownResult } from "./cached-step.ts";
import { fileOwner } from "./file-owner.ts";
import { digestOf, quickKey, type Selection } from "./sources.ts";
import { type BuiltLayer, scratchState } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { WorkRoot } from "./work-root.ts";

type Copy = InstructionOf<"COPY"> | InstructionOf<"ADD">;

/** Files that are taken from one place. */
interface Part {
  /** Stands for their content. */
  content: () => Promise<string>;
  /** Stands for them without a look at their content, where something does. */
  quick: string | undefined;
  from: () => Promise<CopyFrom>;
}

/** Flags and words of the instruction, variables replaced. */
export interface CopyWords {
  sources: readonly string[];
  /** As it is said. */
  destination: string;
  /** From the root, with a slash at its end where it is said to be a directory. */
  target: string;
  chown: string | undefined;
  chmod: string | undefined;
}

/** `COPY` and `ADD`: files into a layer of their own. */
export async function copyStep(context: StepContext, instruction: Copy): Promise<StepResult> {
  const { state } = context;
  await using temporary = new Cleanups();
  const said = copyWords(context, instruction);
  const parts = [
    ...(await localParts(context, instruction, said)),
    ...(await remoteParts(context, instruction, said, temporary)),
    ...fileParts(context, instruction, temporary),
  ];
  const flags = [
    instruction.link ? "link" : state.key,
    instruction.keyword,
    said.target,
    said.chown,
    said.chmod,
  ];
  const quickParts = parts.flatMap((part) => part.quick ?? []);
  const quick =
    quickParts.length < parts.length ? [] : [joinedKey(quickParts, "quick", flags, instruction.parents)];
  const known = (await knownResult(context, quick)) !== undefined;
  const content = async () =>
    cacheKey("copy", flags, instruction.parents, ...(await Promise.all(parts.map((part) => part.content()))));
  const keys = known ? quick : [await content(), ...quick];
  return await cachedStep(context, keys, history(instruction, said), () =>
    copy(context, instruction, parts, said),
  );
}

export function copyWords(
  { words, state }: Pick<StepContext, "words" | "state">,
  instruction: Copy,
): CopyWords {
  const { destination, chown, chmod } = instruction;
  const word = words.word(destination);
  const target = posix.resolve("/", state.config.WorkingDir ?? "/", word);
  return {
    sources: instruction.sources.map((source) => words.word(source)),
    // A slash or a dot at the end says that it is a directory.
    destination: word,
    target: /(^|\/)\.?$/.test(word) && target !== "/" ? `${target}/` : target,
    chown: chown === undefined ? undefined : words.word(chown),
    chmod: chmod === undefined ? undefined : words.word(chmod),
  };
}

/** Paths of the context, of a stage, of an image. */
async function localParts(context: StepContext, instruction: Copy, said: CopyWords): Promise<Part[]> {
  const add = instruction.keyword === "ADD";
  const paths = said.sources.filter((source) => !(add && isRemote(source)));
  if (paths.length === 0) return [];
  const from = instruction.keyword === "COPY" ? (instruction.from ?? "") : "";
  const exclude = instruction.exclude.map((pattern) => context.words.word(pattern));
  const selection: Selection = { paths, parents: instruction.parents, exclude };
  const source = await context.source(from);
  return [
    {
      content: () => digestOf(context, from, selection),
      quick: await quickKey(context, from, selection),
      from: async () => ({
        root: await source.directory(),
        ...selection,
        ...(source.isContext && { owner: { uid: 0, gid: 0 } }),
        unpack: add && instruction.unpack !== false,
      }),
    },
  ];
}

/** What `ADD` gets from elsewhere. */
async function remoteParts(
  context: StepContext,
  instruction: Copy,
  { sources }: CopyWords,
  temporary: Cleanups,
): Promise<Part[]> {
  if (instruction.keyword !== "ADD") return [];
  const remote = sources.filter(isRemote);
  const exclude = instruction.exclude.map((pattern) => context.words.word(pattern));
  checkChecksum(instruction.checksum, remote.length, sources.length);
  return Promise.all(
    remote.map(async (url): Promise<Part> => {
      const fetched = await fetchRemote(context, url, {
        checksum: instruction.checksum === undefined ? undefined : context.words.word(instruction.checksum),
        keepGitDir: instruction.keepGitDir,
        folder: temporaryFolder(context, temporary),
      });
      context.record.material(fetched.material);
      return {
        content: async () => (exclude.length === 0 ? fetched.key : cacheKey(fetched.key, exclude)),
        quick: undefined,
        from: async () => ({
          root: fetched.root,
          paths: [fetched.path],
          parents: false,
          exclude,
          owner: { uid: 0, gid: 0 },
          unpack: instruction.unpack === true,
        }),
      };
    }),
  );
}

function checkChecksum(checksum: string | undefined, remote: number, all: number): void {
  if (checksum === undefined) return;
  if (all > 1) throw invalidArgument("checksum can't be specified for multiple sources");
  if (remote === 0) throw invalidArgument("checksum requires HTTP(S) or Git sources");
}

/** Files whose content stands in the Dockerfile. */
function fileParts(context: StepContext, instruction: Copy, temporary: Cleanups): Part[] {
  if (instruction.files.length === 0) return [];
  const files = instruction.files.map((heredoc) => {
    const text = heredocText(heredoc);
    return { name: heredoc.name, text: heredoc.expand ? context.words.text(text) : text };
  });
  return [
    {
      content: async () => cacheKey("files", files),
      quick: cacheKey("files", files),
      from: async () => {
        const root = temporaryFolder(context, temporary);
        for (const { name, text } of files) writeFileSync(join(root, name), text, { mode: 0o644 });
        const paths = files.map(({ name }) => name);
        return { root, paths, parents: false, exclude: [], owner: { uid: 0, gid: 0 } };
      },
    },
  ];
}

async function copy(
  context: StepContext,
  instruction: Copy,
  parts: readonly Part[],
  { target, chown, chmod }: CopyWords,
): Promise<BuiltLayer> {
  const { deps, state, lease, signal } = context;
  await using root = await WorkRoot.create(deps, instruction.link ? scratchState(state.platform) : state);
  const owner = chown === undefined ? undefined : await ownerOf(context, root, chown, instruction);
  for (const part of parts) {
    const from = {
      ...(await part.from()),
      ...(owner && { owner }),
      ...(chmod !== undefined && { mode: chmod }),
    };
    const job = { from, root: root.mount(), target };
    await deps.workers.run("copy", job, { signal });
  }
  await root.unmount();
  return await root.seal(lease, [], signal);
}

/** `--chown` by the files of the stage; where the layer is independent of them, too. */
async function ownerOf(
  context: StepContext,
  root: WorkRoot,
  text: string,
  instruction: Copy,
): Promise<Owner> {
  const said = { text, line: instruction.range.start };
  if (/^\d+(:\d+)?$/.test(text) || !instruction.link) return fileOwner(context, root.mount(), said);
  await using stage = await WorkRoot.create(context.deps, context.state);
  return fileOwner(context, stage.mount(), said);
}

function history(instruction: Copy, { chown, chmod, sources, destination }: CopyWords): string {
  const flags = [
    ...(instruction.parents ? ["--parents"] : []),
    ...(chown === undefined ? [] : [`--chown=${chown}`]),
    ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
  ];
  const files = instruction.files.map(({ name }) => `<<${name}`);
  return [instruction.keyword, ...flags, ...sources, ...files, destination, "# buildkit"].join(" ");
}
