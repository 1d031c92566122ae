import type { Image } from "../images/image.ts";
import type { Engine } from "./engine.ts";

/**
 * Where an image is known to come from (API 1.53, `Identity`): the repositories that it was pulled from or pushed to,
 * by their own names also when a mirror delivered it. Undefined for one that was loaded or made here.
 */
export function identityOf({ images }: Engine, image: Image): unknown {
  const repositories = images.repositoriesOf(image.id);
  if (repositories.length === 0) return undefined;
  return { Pull: repositories.map((Repository) => ({ Repository })) };
}
