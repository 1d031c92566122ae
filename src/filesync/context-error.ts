import { type EngineError, invalidArgument } from "../base/errors.ts";

/** What is wrong with what a sender tells, without a word about where its files go. */
const about = (what: string, path: string) =>
  invalidArgument(`invalid ${what} ${JSON.stringify(path)} in the build context`);

export const invalidPath = (path: string): EngineError => about("path", path);
export const invalidLink = (path: string): EngineError => about("link", path);
export const invalidMode = (path: string): EngineError => about("mode of", path);

export function tooLong(path: string, cause?: unknown): EngineError {
  const begun = JSON.stringify(path.slice(0, 64));
  return invalidArgument(`${begun}… in the build context: file name too long`, cause);
}
