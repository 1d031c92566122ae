import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { booleanOf } from "../../base/booleans.ts";
import { parseCsvRecord } from "../../base/csv.ts";
import { invalidArgument, messageOf } from "../../base/errors.ts";
import type { ContentFolder } from "./content-store.ts";
import type { Destination } from "./session-services.ts";

interface Exporter {
  Type: string;
  Attrs: Record<string, string>;
}

/** What is to become of the result, and where its files go. */
export interface Outputs {
  exporters: Exporter[];
  destinations: Destination[];
  /** Where an image goes as an OCI layout. */
  layout: ContentFolder | undefined;
}

interface Wanted {
  outputs: readonly string[];
  push: boolean;
  load: boolean;
  tags: readonly string[];
  /** `--annotation`. */
  annotations: readonly string[];
  stdoutIsTerminal: boolean;
}

/** Takes `--output`, `--push`, `--load`, `--tag` and `--annotation` together. Throws `invalidArgument`. */
export async function outputsOf(wanted: Wanted): Promise<Outputs> {
  const { outputs, push, load, tags, annotations, stdoutIsTerminal } = wanted;
  const parsed = outputs.map(parseOutput);
  if (push) {
    const image = parsed.find(({ Type }) => Type === "image");
    if (image !== undefined) image.Attrs.push = "true";
    else parsed.push({ Type: "image", Attrs: { push: "true" } });
  }
  if ((load && !parsed.some(({ Type }) => Type === "moby")) || parsed.length === 0) {
    parsed.push({ Type: "moby", Attrs: {} });
  }
  const layout = await layoutOf(parsed);
  const destinations = parsed.map((output) => destinationOf(output, stdoutIsTerminal));
  if (destinations.filter((one) => one === "stdout").length > 1) {
    throw invalidArgument("multiple outputs to standard output");
  }
  for (const { Type, Attrs } of parsed) {
    if (Type === "local" || Type === "tar" || Type === "cacheonly") continue;
    if (Attrs.name === undefined && tags.length > 0) Attrs.name = tags.join(",");
    if (Attrs.push === "true" && !Attrs.name) throw invalidArgument("tag is needed when pushing to registry");
    Object.assign(Attrs, ...annotations.map(annotationAttrs));
  }
  return { exporters: parsed, destinations, layout };
}

const isLayout = ({ Type, Attrs }: Exporter) => Type === "oci" && booleanOf(Attrs.tar ?? "") === false;

async function layoutOf(parsed: readonly Exporter[]): Promise<ContentFolder | undefined> {
  if (parsed.some(({ Type, Attrs }) => Type === "docker" && booleanOf(Attrs.tar ?? "") === false)) {
    throw invalidArgument("output directory is not supported by docker exporter");
  }
  const [wanted, ...more] = parsed.filter(isLayout);
  if (wanted === undefined) return undefined;
  if (more.length > 0) throw invalidArgument("multiple outputs as OCI layouts are not supported");
  return (await import("./layouts.ts")).layoutFolder(wanted.Attrs.dest);
}

function parseOutput(text: string): Exporter {
  let fields: string[];
  try {
    fields = parseCsvRecord(text);
  } catch (error) {
    throw invalidArgument(messageOf(error), error);
  }
  const [only = "", ...more] = fields;
  if (more.length === 0 && only === text && !only.startsWith("type=")) {
    return only === "-" ? { Type: "tar", Attrs: { dest: "-" } } : { Type: "local", Attrs: { dest: only } };
  }
  const Attrs: Record<string, string> = {};
  for (const field of fields) {
    const at = field.indexOf("=");
    if (at < 0) throw invalidArgument(`invalid value ${field}`);
    Attrs[field.slice(0, at).trim().toLowerCase()] = field.slice(at + 1);
  }
  const { type = "", ...rest } = Attrs;
  if (type === "") throw invalidArgument("type is required for output");
  // What goes to the daemon's own images is what needs no destination.
  if (type === "docker" && rest.dest === undefined) return { Type: "moby", Attrs: rest };
  if (type === "registry") return { Type: "image", Attrs: { ...rest, push: rest.push ?? "true" } };
  return { Type: type, Attrs: rest };
}

function destinationOf({ Type, Attrs }: Exporter, stdoutIsTerminal: boolean): Destination {
  const { dest } = Attrs;
  delete Attrs.dest;
  if (isLayout({ Type, Attrs })) return undefined;
  if (Type === "local") {
    if (dest === undefined || dest === "-")
      throw invalidArgument("output directory is required for local exporter");
    return { folder: resolve(dest) };
  }
  if (!["tar", "oci", "docker"].includes(Type)) {
    if (dest !== undefined) throw invalidArgument(`dest is not supported by output ${Type}`);
    return undefined;
  }
  if (dest === undefined || dest === "-") {
    if (stdoutIsTerminal) {
      throw invalidArgument(`dest file is required for ${Type} exporter. refusing to write to console`);
    }
    return "stdout";
  }
  const file = resolve(dest);
  mkdirSync(dirname(file), { recursive: true });
  return { file };
}

const annotationTypes = ["manifest", "manifest-descriptor", "index", "index-descriptor"];

/** `index,manifest[linux/amd64]:key=value`; the manifest's, where nothing is said. Throws in buildx's words. */
function annotationAttrs(text: string): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 0) throw invalidArgument(`invalid annotation ${JSON.stringify(text)}, expected key=value`);
  const [name, value] = [text.slice(0, at), text.slice(at + 1)];
  const colon = name.indexOf(":");
  if (colon < 0) return { [`annotation.${name}`]: value };
  const key = name.slice(colon + 1);
  return Object.fromEntries(
    name
      .slice(0, colon)
      .split(",")
      .map((one) => {
        const [, type, platform] = /^([a-z-]+)(?:\[([A-Za-z0-9_/-]+)\])?$/.exec(one) ?? [];
        if (type === undefined) {
          throw invalidArgument(
            `invalid annotation type ${JSON.stringify(one)}, expected type and optional platform in square brackets`,
          );
        }
        if (!annotationTypes.includes(type)) {
          throw invalidArgument(`unknown annotation type ${JSON.stringify(type)}`);
        }
        return [`annotation-${type}${platform === undefined ? "" : `[${platform}]`}.${key}`, value];
      }),
  );
}
