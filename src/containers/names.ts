import type { RandomBytes } from "../base/ids.ts";

/** Two words that a person can say and remember; kept in the field's form `adjective_noun`. */
const adjectives =
  "able amber ample apt ashen azure bold brave breezy brief bright brisk calm candid cheery civil clever cosy crisp " +
  "daring deft dewy eager early easy even fair fast fleet fond frank free fresh gentle glad golden grand hardy hazy " +
  "honest humble jolly keen kind lively loyal lucid lucky mellow merry mild modest neat nimble noble patient plain " +
  "polite proud quick quiet ready robust rosy salty serene sharp shiny silent silver simple sleek snug sober solid " +
  "spry steady still sturdy sunny sure swift tidy trim true trusty upbeat vivid warm wise witty";
const nouns =
  "anchor atoll barge bay beacon bight boatswain bollard bosun bow breaker breeze bridge brig buoy cabin canoe cape " +
  "capstan cargo catamaran chart clipper coast compass coracle cove crane crew current cutter davit deck delta dinghy " +
  "dock dory dune estuary fathom ferry fjord fleet frigate galley gangway gull gunwale halyard harbor hawser headland " +
  "heron hull inlet island jetty jib kayak keel ketch lagoon lantern lighthouse lock lugger mast mooring narrows oar " +
  "pier pilot pontoon port quay raft reef rigging rudder sail schooner sextant shoal shore skiff sloop sound spar " +
  "stern strait tide tiller trawler tugboat wharf winch windlass yacht yawl";

const adjectiveList = adjectives.split(" ");
const nounList = nouns.split(" ");

/** A name for a container that was given none. `attempt` > 0 appends a digit, as names run out. */
export function randomName(random: RandomBytes, attempt = 0): string {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  const adjective = adjectiveList[((a << 8) | b) % adjectiveList.length];
  const noun = nounList[((c << 8) | d) % nounList.length];
  return `${adjective}_${noun}${attempt > 0 ? random(1)[0] : ""}`;
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** True for what Docker takes as a container's name (without its slash). */
export function isValidName(name: string): boolean {
  return namePattern.test(name);
}

export const namePatternText = "[a-zA-Z0-9][a-zA-Z0-9_.-]";
