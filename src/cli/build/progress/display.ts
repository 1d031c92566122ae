import type { StatusResponse, Timestamp } from "../../../api/buildkit/control.ts";
import type { Output } from "../../streams.ts";

/** How a build ended. */
export type Outcome = "done" | "failed" | "cancelled";

/** Shows how a build goes. */
export interface Display {
  show(status: StatusResponse): void;
  /** The build is over. Where it failed, the output of the step that failed is shown once more. */
  end(outcome: Outcome): void;
}

export const progressKinds = ["auto", "none", "plain", "quiet", "rawjson", "tty"] as const;
export type ProgressKind = (typeof progressKinds)[number];

/**
 * `auto`: on a terminal `tty`, elsewhere `plain`. `builder`: who builds, as the terminal shows it. Undefined where nothing
 * is shown.
 */
export async function displayOf(
  kind: ProgressKind,
  err: Output,
  builder: string,
): Promise<Display | undefined> {
  const wanted = kind === "auto" ? (err.isTerminal ? "tty" : "plain") : kind;
  switch (wanted) {
    case "rawjson":
      return new (await import("./raw.ts")).RawDisplay(err);
    case "tty":
      return new (await import("./tty.ts")).TtyDisplay(err, builder);
    case "plain":
      return new (await import("./plain.ts")).PlainDisplay(err);
    default:
      return undefined;
  }
}

/** Milliseconds since 1970. */
export function millis(time: Timestamp): number {
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}
