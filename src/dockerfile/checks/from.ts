import type { Dockerfile, Stage } from "../dockerfile.ts";
import { Expander, type Variables } from "../expand.ts";
import type { GlobalArgs } from "../global-args.ts";
import { nearest } from "../suggest.ts";
import type { Findings } from "./findings.ts";

/** Checks of the variables that `FROM` uses. `isImage`: whether a name can be one of an image. */
export function checkFrom(
  { stages, directives }: Dockerfile,
  globals: GlobalArgs,
  isImage: (name: string) => boolean,
  findings: Findings,
): void {
  const expander = new Expander(directives.escape);
  const expand = (text: string, variables: Variables) => expander.word(text, variables);
  for (const stage of stages) {
    const { image, platform, range } = stage.from;
    for (const text of platform === undefined ? [image] : [image, platform]) {
      for (const name of expand(text, (known) => globals.values.get(known)).unset) {
        if (globals.declared.has(name)) continue;
        const meant = nearest(name, [...globals.declared, ...globals.values.keys()]);
        const question = meant === "" ? "" : ` (did you mean ${meant}?)`;
        findings.add("UndefinedArgInFrom", range, `FROM argument '${name}' is not declared${question}`);
      }
    }
    const { value } = expand(image, (name) => globals.defaults.get(name));
    if (!isImage(value)) {
      const message = `Default value for ARG ${image} results in empty or invalid base image name`;
      findings.add("InvalidDefaultArgInFrom", range, message);
    }
    checkPlatform(stage, findings);
  }
}

function checkPlatform({ from, name }: Stage, findings: Findings): void {
  const { platform, range } = from;
  if (platform === undefined) return;
  if (/^\$(TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform)) {
    const message = `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`;
    findings.add("RedundantTargetPlatform", range, message);
  }
  // A stage that is named after its platform is one of several to choose from.
  if (platform.includes("$") || platform.split("/").some((part) => name.includes(part.toLowerCase()))) return;
  const message = `FROM --platform flag should not use constant value ${JSON.stringify(platform)}`;
  findings.add("FromPlatformFlagConstDisallowed", range, message);
}
