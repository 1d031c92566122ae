import { invalidArgument, messageOf } from "../../base/errors.ts";
import { parsePlatform } from "../../oci/platform.ts";

/** A `--platform` as the API takes it: JSON, or nothing. Throws with the Go client's text. */
export function platformJson(text: string): string {
  if (text === "") return "";
  try {
    return JSON.stringify(parsePlatform(text));
  } catch (error) {
    throw invalidArgument(`invalid platform: ${messageOf(error)}`, error);
  }
}
