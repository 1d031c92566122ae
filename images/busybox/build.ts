import { type BuiltImage, buildImage } from "../image.ts";
import { type BusyboxExecutable, readBusybox } from "./executable.ts";
import { rootFiles } from "./files.ts";

/** `library/busybox` from the static executable at `path`, for its architecture. Errors as `readBusybox`. */
export async function buildBusybox(path: string): Promise<BuiltImage> {
  return busyboxImage(await readBusybox(path));
}

/** The same bytes for the same executable. Tagged `latest`, and with its version when it tells. */
export function busyboxImage({ bytes, architecture, applets, version }: BusyboxExecutable): BuiltImage {
  const tags = version === undefined ? ["latest"] : ["latest", version];
  return buildImage("library/busybox", tags, [
    {
      platform: { os: "linux", architecture, ...(architecture === "arm64" && { variant: "v8" }) },
      files: rootFiles(bytes, applets),
      config: { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["sh"] },
      createdBy: "COPY rootfs / # longshore",
      compressionLevel: 9,
    },
  ]);
}
