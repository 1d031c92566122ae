import type { Cli } from "../cli.ts";
import { currentContext } from "../connection.ts";
import { contextExists } from "../context-store.ts";
import { StatusError } from "../exit.ts";

/** The context that flags and environment make up. */
export const defaultContext = "default";

const form = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/;

/** Throws for names that no stored context can have, with the Go client's texts. */
export function checkContextName(name: string): void {
  if (name === "") throw new StatusError(1, "context name cannot be empty");
  if (name === defaultContext) throw new StatusError(1, `"${defaultContext}" is a reserved context name`);
  if (form.test(name)) return;
  throw new StatusError(
    1,
    `context name ${JSON.stringify(name)} is invalid, names are validated against regexp "${form.source}"`,
  );
}

/** Throws for a name that a new context cannot have. */
export function checkNewContext(cli: Cli, name: string): void {
  checkContextName(name);
  if (contextExists(cli.configFolder, name)) {
    throw new StatusError(1, `context ${JSON.stringify(name)} already exists`);
  }
}

/** The name of the context in use. */
export function contextInUse(cli: Cli): string {
  return currentContext(cli.globals, cli.config.currentContext);
}
