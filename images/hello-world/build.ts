import { type BuiltImage, buildImage, type ImageSource } from "../image.ts";
import { type Architecture, printingExecutable } from "./elf.ts";
import { greeting } from "./greeting.ts";

const architectures: readonly Architecture[] = ["amd64", "arm64"];

/** `library/hello-world`, from nothing: one executable that needs neither libraries nor a shell. Same bytes everywhere. */
export function buildHelloWorld(): BuiltImage {
  return buildImage("library/hello-world", ["latest"], architectures.map(source));
}

function source(architecture: Architecture): ImageSource {
  const content = printingExecutable(architecture, greeting(architecture));
  return {
    platform: { os: "linux", architecture, ...(architecture === "arm64" && { variant: "v8" }) },
    files: [{ path: "hello", type: "file", mode: 0o755, content }],
    config: { Env: [pathVariable], Cmd: ["/hello"], WorkingDir: "/" },
    createdBy: "COPY hello / # longshore",
    compressionLevel: 0,
  };
}

const pathVariable = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
