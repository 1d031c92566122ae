import { invalidArgument } from "../../base/errors.ts";
import { formatPlatform, parsePlatform } from "../../oci/platform.ts";

type Kind = "manifest" | "manifest-descriptor" | "index" | "index-descriptor";
type Annotations = Record<string, string>;

/** What `--annotation` says, by where it goes. */
export interface SaidAnnotations {
  manifest(platform: string): Annotations;
  manifestDescriptor(platform: string): Annotations;
  index: Annotations;
  indexDescriptor: Annotations;
  /** Throws `invalidArgument` where something is said of an index, and there is none. */
  refuseIndex(): void;
}

const form =
  /^annotation(?:-(?<kind>manifest-descriptor|manifest|index-descriptor|index))?(?:\[(?<platform>[^\]]*)\])?\.(?<key>.+)$/s;

/**
 * Takes an output's attributes `annotation-<kind>[<platform>].<key>` apart (BuildKit's docs/annotations.md): without a
 * kind it is the manifest's, without a platform it is for each. Throws `invalidArgument`.
 */
export function annotationsOf(attrs: Readonly<Record<string, string>>): SaidAnnotations {
  const said: { kind: Kind; platform: string | undefined; key: string; value: string }[] = [];
  for (const [name, value] of Object.entries(attrs)) {
    if (!name.startsWith("annotation")) continue;
    const { kind = "manifest", platform, key = "" } = form.exec(name)?.groups ?? {};
    if (key === "") throw invalidArgument(`invalid annotation ${JSON.stringify(name)}`);
    if (platform !== undefined && kind.startsWith("index")) {
      throw invalidArgument(`${kind} annotation ${key} cannot be of one platform (${platform})`);
    }
    const known = platform === undefined ? undefined : formatPlatform(parsePlatform(platform));
    said.push({ kind: kind as Kind, platform: known, key, value });
  }
  // What is said of one platform counts more than what is said of all.
  const of = (kind: Kind, platform?: string): Annotations =>
    Object.fromEntries(
      [undefined, platform ?? ""].flatMap((one) =>
        said
          .filter((each) => each.kind === kind && each.platform === one)
          .map(({ key, value }) => [key, value]),
      ),
    );
  return {
    manifest: (platform) => of("manifest", platform),
    manifestDescriptor: (platform) => of("manifest-descriptor", platform),
    index: of("index"),
    indexDescriptor: of("index-descriptor"),
    refuseIndex() {
      if (!said.some(({ kind }) => kind.startsWith("index"))) return;
      throw invalidArgument("index annotations not supported for single platform export");
    },
  };
}
