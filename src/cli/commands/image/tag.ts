import { invalidArgument, messageOf } from "../../../base/errors.ts";
import { fullName, parseReference, type Reference, withDefaultTag } from "../../../oci/reference.ts";
import { command, exactly } from "../../command.ts";

function target(text: string): Reference {
  let reference: Reference;
  try {
    reference = withDefaultTag(parseReference(text));
  } catch (error) {
    throw invalidArgument(
      `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${messageOf(error)}`,
    );
  }
  if (reference.digest) throw invalidArgument("refusing to create a tag with a digest reference");
  return reference;
}

export default command({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  args: exactly(2),
  flags: {},
  run: async (cli, { args }) => {
    const [source = "", text = ""] = args;
    if (!/^(?:sha256:)?[0-9a-f]{64}$/.test(source)) {
      try {
        parseReference(source);
      } catch (error) {
        throw invalidArgument(
          `Error parsing reference: ${JSON.stringify(source)} is not a valid repository/tag: ${messageOf(error)}`,
        );
      }
    }
    const reference = target(text);
    await (await cli.client()).call("ImageTag", {
      params: { name: source },
      query: { repo: fullName(reference), tag: reference.tag },
    });
    return 0;
  },
});
