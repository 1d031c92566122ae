import { string, struct } from "./schema.ts";

/** The answer of what makes something: its id. */
export const IDResponse = struct("container.CommitResponse", () => ({ Id: string }));
