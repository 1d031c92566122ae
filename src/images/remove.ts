import { conflict, type EngineError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { Digest } from "../oci/digest.ts";
import { fullName, parseReference, type Reference } from "../oci/reference.ts";
import type { ImageTable } from "../store/images.ts";
import type { DeletedItem, ImageUser } from "./image.ts";
import type { ImageEventSink } from "./image-events.ts";
import { type Found, namesInRepository } from "./lookup.ts";
import { familiar, storedName } from "./names.ts";

export interface RemoveContext {
  table: ImageTable;
  users: () => Iterable<ImageUser>;
  onEvent: ImageEventSink;
}

interface Conflict {
  error: EngineError;
  /** A container is the reason. */
  used: boolean;
}

/**
 * `docker rmi`: takes names away, and deletes the image when none is left. `named` is what the user wrote. Only rows
 * change here; the collector takes what they referred to. Throws `conflict` in Docker's words, and has then changed
 * nothing.
 */
export function removeImage(
  context: RemoveContext,
  found: Found,
  named: string,
  force: boolean,
): DeletedItem[] {
  const { table } = context;
  const id = found.row.id;
  const names = table.namesOf(id);
  if (found.reference !== undefined) return removeName(context, id, found.reference, named, force);
  if (!isSingleReference(names)) return deleteImage(context, id, force);
  const reason = findConflict(context, id, { force, ignoreNames: true });
  if (reason) throw reason.error;
  const items = names.map((name) => untag(context, id, name));
  return [...items, ...deleteImage(context, id, force)];
}

function removeName(
  context: RemoveContext,
  id: Digest,
  reference: Reference,
  named: string,
  force: boolean,
): DeletedItem[] {
  const { table } = context;
  const names = table.namesOf(id);
  const user = [...context.users()].find(({ imageId }) => imageId === id);
  if (!force && user && isSingleReference(names)) {
    throw conflict(
      `conflict: unable to remove repository reference "${named}" (must force) - container ${shortId(user.containerId)} is using its referenced image ${shortId(id)}`,
    );
  }
  const items = namesToRemove(table, id, reference).map((name) => untag(context, id, name));
  if (table.namesOf(id).length > 0) return items;
  // The name is gone, which is what was asked for; that the image has to stay is no error.
  const reason = findConflict(context, id, { force, ignoreNames: false });
  return reason ? items : [...items, ...deleteImage(context, id, force)];
}

/**
 * A tag goes alone, and takes the digests of its repository along when it was the last tag there. A digest that is no
 * name of its own stands for all the names of the repository.
 */
function namesToRemove(table: ImageTable, id: Digest, reference: Reference): string[] {
  const name = storedName(reference);
  const siblings = namesInRepository(table, id, reference);
  if (reference.digest !== undefined) return table.imageOf(name) === id ? [name] : siblings;
  const others = siblings.filter((sibling) => sibling !== name);
  const isLastTag = others.every((sibling) => sibling.includes("@"));
  return isLastTag ? [name, ...others] : [name];
}

function untag({ table, onEvent }: RemoveContext, id: Digest, name: string): DeletedItem {
  table.deleteName(name);
  onEvent({ action: "untag", id, name: familiar(name) });
  return { Untagged: familiar(name) };
}

function deleteImage(context: RemoveContext, id: Digest, force: boolean): DeletedItem[] {
  const reason = findConflict(context, id, { force, ignoreNames: false });
  if (reason) throw reason.error;
  const items = context.table.namesOf(id).map((name) => untag(context, id, name));
  context.table.delete(id);
  context.onEvent({ action: "delete", id, name: id });
  return [...items, { Deleted: id }];
}

function findConflict(
  { table, users }: RemoveContext,
  id: Digest,
  { force, ignoreNames }: { force: boolean; ignoreNames: boolean },
): Conflict | undefined {
  const reason = (how: string, why: string, used: boolean): Conflict => ({
    error: conflict(`conflict: unable to delete ${shortId(id)} (${how}) - ${why}`),
    used,
  });
  const using = [...users()].filter(({ imageId }) => imageId === id);
  const running = using.find((user) => user.running);
  if (running) {
    const why = `image is being used by running container ${shortId(running.containerId)}`;
    return reason("cannot be forced", why, true);
  }
  if (force) return undefined;
  if (!ignoreNames && table.namesOf(id).length > 0) {
    return reason("must be forced", "image is referenced in multiple repositories", false);
  }
  const [stopped] = using;
  if (!stopped) return undefined;
  const why = `image is being used by stopped container ${shortId(stopped.containerId)}`;
  return reason("must be forced", why, true);
}

/** True when all names belong to one repository, and at most one of them is a tag. */
function isSingleReference(names: readonly string[]): boolean {
  const references = names.map(parseReference);
  const tags = references.filter(({ digest }) => digest === undefined);
  return tags.length <= 1 && new Set(references.map(fullName)).size <= 1;
}
