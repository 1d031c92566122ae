import { conflict, invalidArgument, isEngineError } from "../base/errors.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { isValidName, namePatternText } from "./names.ts";

/** `docker rename`; `name` with or without a slash. Throws `invalidArgument` or `conflict`. */
export function renameContainer(deps: ContainerDeps, container: Container, name: string): void {
  if (name === "") throw invalidArgument("Neither old nor new names may be empty");
  const wanted = name.replace(/^\//, "");
  if (!isValidName(wanted)) {
    throw invalidArgument(`Error when allocating new name: ${invalidName(`/${wanted}`).message}`);
  }
  if (wanted === container.name) {
    throw invalidArgument("Renaming a container with the same name as its current name");
  }
  if (container.state.status === "removing") throw conflict("container is marked for removal");
  const oldName = container.name;
  try {
    deps.set.rename(container, wanted);
  } catch (error) {
    if (!isEngineError(error, "conflict")) throw error;
    throw conflict(`Error when allocating new name: ${error.message}`, error);
  }
  deps.network.rename(container.id, wanted);
  deps.events("rename", container, { oldName: `/${oldName}` });
}

/** The name without its slash. Throws `invalidArgument` for one that Docker does not take. */
export function checkedName(name: string): string {
  const bare = name.replace(/^\//, "");
  if (bare !== "" && !isValidName(bare)) {
    throw invalidName(name);
  }
  return bare;
}

function invalidName(name: string) {
  return invalidArgument(`Invalid container name (${name}), only ${namePatternText} are allowed`);
}
