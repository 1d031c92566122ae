import { release } from "node:os";
import { unavailable } from "../base/errors.ts";
import { kernelAtLeast } from "../linux/kernel-release.ts";

/** The first with all that nothing stands in for: pidfd_getfd(2) and openat2(2). */
const oldestKernel = "5.6";

/** Throws `unavailable` on a kernel on which containers could not run. */
export function requireKernel(kernelRelease = release()): void {
  if (kernelAtLeast(kernelRelease, oldestKernel)) return;
  throw unavailable(`Linux ${oldestKernel} or newer is needed: this is ${kernelRelease}`);
}
