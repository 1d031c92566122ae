import type { Owner } from "../archive/copy.ts";
import { RootfsView } from "../containers/spec/rootfs-view.ts";
import { resolveOwner } from "../containers/spec/user.ts";
import type { StepContext } from "./step-context.ts";

/**
 * Whose files are that `--chown` or `USER` says, by /etc/passwd and /etc/group below `rootfs`. BuildKit is silent about
 * names that are not there; here a warning tells of them.
 */
export function fileOwner(
  { progress }: Pick<StepContext, "progress">,
  rootfs: string,
  { text, line }: { text: string; line: number },
): Owner {
  using view = new RootfsView(rootfs);
  const files = { passwd: () => view.readText("/etc/passwd"), group: () => view.readText("/etc/group") };
  const missing: string[] = [];
  const owner = resolveOwner(text, files, (kind, name) => missing.push(`no ${kind} ${name} in the image`));
  const { uid, gid } = owner;
  for (const what of missing) {
    const message = `${what}: the files belong to ${uid}:${gid}`;
    progress.warn({ rule: "", description: "", url: "", message, line });
  }
  return owner;
}
