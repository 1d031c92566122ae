import { humanDuration } from "../base/units.ts";
import type { Container } from "./container.ts";

/** The STATUS column: `Up 3 minutes (Paused)`, `Exited (0) 2 hours ago`, `Created`, … `now` in milliseconds. */
export function statusText(container: Container, now: number): string {
  const { status, startedAt, finishedAt, exitCode } = container.state;
  const since = (time: string) => humanDuration(now - Date.parse(time));
  switch (status) {
    case "running":
      return `Up ${since(startedAt)}${healthText(container)}`;
    case "paused":
      return `Up ${since(startedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${exitCode}) ${since(finishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
      return `Exited (${exitCode}) ${since(finishedAt)} ago`;
  }
}

function healthText({ state: { health } }: Container): string {
  if (!health) return "";
  return health.status === "starting" ? " (health: starting)" : ` (${health.status})`;
}
