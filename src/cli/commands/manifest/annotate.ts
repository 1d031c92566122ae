import { fullString } from "../../../oci/reference.ts";
import { command, exactly } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";
import { orderedPlatform } from "../../manifest/entry.ts";
import { manifestName } from "../../manifest/names.ts";
import { ManifestLists } from "../../manifest/store.ts";

const flags = {
  arch: flag.string("Architecture of the manifest"),
  os: flag.string("Operating system of the manifest"),
  "os-features": flag.custom(
    "strings",
    "Features of the operating system",
    [] as string[],
    (text, before) => [...before, ...text.split(",")],
  ),
  "os-version": flag.string("Version of the operating system"),
  variant: flag.string("Variant of the architecture"),
};

/** What Go can be built for, as its toolchain lists it. */
const architectures: Readonly<Record<string, string>> = {
  aix: "ppc64",
  android: "386 amd64 arm arm64",
  darwin: "386 amd64 arm arm64",
  dragonfly: "amd64",
  freebsd: "386 amd64 arm arm64",
  illumos: "amd64",
  js: "wasm",
  linux: "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
  netbsd: "386 amd64 arm arm64",
  openbsd: "386 amd64 arm arm64",
  plan9: "386 amd64 arm",
  solaris: "amd64",
  wasip1: "wasm",
  windows: "386 amd64 arm arm64",
};

export default command<typeof flags>({
  usage: "[OPTIONS] MANIFEST_LIST MANIFEST",
  args: exactly(2),
  flags,
  run: async (cli, { args: [list = "", name = ""], flags }) => {
    const target = fullString(manifestName(list, "manifest list"));
    const ref = fullString(manifestName(name, "manifest"));
    const lists = new ManifestLists(cli.configFolder);
    const entry = lists.get(target, ref);
    if (!entry) throw new StatusError(1, `manifest for image ${name} does not exist in ${list}`);
    const before = entry.Descriptor.platform ?? { os: "", architecture: "" };
    const platform = {
      ...before,
      ...(flags.os && { os: flags.os }),
      ...(flags.arch && { architecture: flags.arch }),
      ...(flags.variant && { variant: flags.variant }),
      ...(flags["os-version"] && { "os.version": flags["os-version"] }),
      ...(flags["os-features"].length > 0 && {
        "os.features": [...new Set([...(before["os.features"] ?? []), ...flags["os-features"]])],
      }),
    };
    if (!architectures[platform.os]?.split(" ").includes(platform.architecture)) {
      throw new StatusError(
        1,
        `manifest entry for image has unsupported os/arch combination: ${flags.os}/${flags.arch}`,
      );
    }
    const ordered = orderedPlatform(platform) as unknown as typeof platform;
    lists.put(target, { ...entry, Descriptor: { ...entry.Descriptor, platform: ordered } });
    return 0;
  },
});
