import { invalidArgument, notFound } from "../base/errors.ts";
import { humanSize, parseGoDuration } from "../base/units.ts";
import { Accounts } from "./auth/accounts.ts";
import { isRole } from "./auth/identity.ts";
import type { Notifier } from "./notifications.ts";
import { type ManageOptions, refuseForManage, type Values } from "./options.ts";
import type { RepositorySettings } from "./repositories.ts";
import { type Gone, parseRetention } from "./retention.ts";
import type { RegistryStore } from "./store.ts";

type Tell = (line: string) => void;

interface Parts {
  store: RegistryStore;
  notifier: Notifier;
}

type Command = (
  context: Parts & { accounts: Accounts; values: Values; tell: Tell; gone: Gone },
  words: readonly string[],
) => Promise<void>;

const dayMillis = 24 * 3600_000;
const nanosPerMilli = 1e6;

interface Entry {
  /** Names of the words that it takes. */
  words: string;
  flags: readonly (keyof Values)[];
  run: Command;
}

/** Runs a command on a registry's store. Throws `invalidArgument`, `notFound`, `conflict`. */
export async function manage(
  { command, words, values, config }: ManageOptions,
  parts: Parts,
  tell: Tell,
): Promise<void> {
  const entries = commands[command];
  const single = entries[""];
  const [verb = "", ...rest] = single ? ["", ...words] : words;
  const entry = entries[verb];
  if (!entry) throw invalidArgument(`${command}: expected ${Object.keys(entries).join(", ")}`);
  const title = [command, verb].filter(Boolean).join(" ");
  const wanted = entry.words.split(" ").filter(Boolean);
  const least = wanted.filter((word) => !word.startsWith("[")).length;
  if (rest.length < least || (rest.length > wanted.length && !entry.words.endsWith("..."))) {
    throw invalidArgument(`usage: docker-registry ${title} ${entry.words}`);
  }
  refuseForManage(values, title, entry.flags);
  const accounts = new Accounts(parts.store.database, parts.store.clock);
  const gone: Gone = (target) => parts.notifier.notifyDeleted(target, config.registry.externalUrl ?? "");
  await entry.run({ ...parts, accounts, values, tell, gone }, rest);
}

const commands: Record<ManageOptions["command"], Record<string, Entry>> = {
  gc: { "": { words: "", flags: ["dry-run", "grace"], run: gc } },
  reindex: { "": { words: "", flags: [], run: reindex } },
  user: {
    add: { words: "NAME", flags: ["password-stdin", "admin", "email"], run: addUser },
    rm: { words: "NAME", flags: [], run: async ({ accounts }, [name = ""]) => accounts.remove(name, "user") },
    ls: { words: "", flags: [], run: async (context) => list(context, "user") },
    passwd: {
      words: "NAME",
      flags: ["password-stdin"],
      run: async ({ accounts, values }, [name = ""]) =>
        accounts.setPassword(name, await readPassword(values)),
    },
    admin: {
      words: "NAME yes|no",
      flags: [],
      run: async ({ accounts }, [name = "", yes = ""]) => accounts.setAdministrator(name, yesOrNo(yes)),
    },
  },
  organisation: {
    add: {
      words: "NAME",
      flags: ["owner"],
      run: async ({ accounts, values }, [name = ""]) => accounts.createOrganisation(name, values.owner),
    },
    rm: {
      words: "NAME",
      flags: [],
      run: async ({ accounts }, [name = ""]) => accounts.remove(name, "organisation"),
    },
    ls: { words: "", flags: [], run: async (context) => list(context, "organisation") },
    member: { words: "NAME USER pull|push|admin|none", flags: [], run: setMember },
  },
  token: {
    add: { words: "USER", flags: ["label", "role", "days"], run: addToken },
    rm: {
      words: "USER ID",
      flags: [],
      run: async ({ accounts }, [user = "", id = ""]) => accounts.removeToken(user, id),
    },
    ls: { words: "USER", flags: [], run: listTokens },
  },
  repository: {
    ls: { words: "", flags: [], run: listRepositories },
    set: { words: "NAME KEY=VALUE...", flags: [], run: setRepository },
    rm: {
      words: "NAME",
      flags: [],
      run: async ({ store, gone }, [repository = ""]) => {
        await store.manifests.removeRepository(repository);
        await gone({ repository });
      },
    },
  },
};

async function gc({ store, values, tell, gone }: Parameters<Command>[0]): Promise<void> {
  const nanos = parseGoDuration(values.grace ?? "1h");
  if (nanos === undefined || nanos < 0) throw invalidArgument(`invalid duration: ${values.grace}`);
  const dryRun = values["dry-run"] === true;
  const { tags, manifests, blobs, bytes } = await store.collect({
    grace: nanos / nanosPerMilli,
    dryRun,
    gone,
  });
  const verb = dryRun ? "would be freed" : "freed";
  tell(`${tags} tags, ${manifests} manifests, ${blobs} blobs ${verb}: ${bytes} bytes (${humanSize(bytes)})`);
}

async function reindex({ store, tell }: Parameters<Command>[0]): Promise<void> {
  const { manifests, tags } = await store.rebuild();
  tell(`${manifests} manifests and ${tags} tags found`);
}

async function readPassword(values: Values): Promise<string> {
  if (!values["password-stdin"])
    throw invalidArgument("give the password to the standard input, and say --password-stdin");
  return (await Bun.stdin.text()).replace(/\r?\n$/, "");
}

async function addUser(
  { accounts, values }: Parameters<Command>[0],
  [name = ""]: readonly string[],
): Promise<void> {
  const password = await readPassword(values);
  await accounts.createUser(name, password, {
    email: values.email ?? "",
    administrator: values.admin === true,
  });
}

async function list(
  { accounts, tell }: Parameters<Command>[0],
  kind: "user" | "organisation",
): Promise<void> {
  for (const { name, email, administrator } of await accounts.list(kind)) {
    tell([name, email, administrator ? "administrator" : ""].filter(Boolean).join("\t"));
  }
}

async function setMember(
  { accounts }: Parameters<Command>[0],
  [organisation = "", user = "", role = ""]: readonly string[],
): Promise<void> {
  if (role !== "none" && !isRole(role))
    throw invalidArgument(`invalid role: ${role} (pull, push, admin, none)`);
  await accounts.setMember(organisation, user, role);
}

async function addToken(
  { accounts, values, tell }: Parameters<Command>[0],
  [user = ""]: readonly string[],
): Promise<void> {
  await accounts.require(user, "user");
  const { role = "admin", days, label = "command line" } = values;
  if (!isRole(role)) throw invalidArgument(`invalid role: ${role} (pull, push, admin)`);
  if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days))
    throw invalidArgument(`invalid number of days: ${days}`);
  const millis = days === undefined ? undefined : Number(days) * dayMillis;
  tell(await accounts.createToken(user, "access", { label, role, millis }));
}

async function listTokens(
  { accounts, tell }: Parameters<Command>[0],
  [user = ""]: readonly string[],
): Promise<void> {
  await accounts.require(user, "user");
  for (const { id, label, role, expires_at } of await accounts.tokens(user)) {
    tell([id, label, role, expires_at === null ? "no end" : new Date(expires_at).toISOString()].join("\t"));
  }
}

async function listRepositories({ store, tell }: Parameters<Command>[0]): Promise<void> {
  for (let last = ""; ; ) {
    const names = await store.repositories.names(last, 1000);
    for (const name of names) tell(name);
    const end = names.at(-1);
    if (end === undefined) return;
    last = end;
  }
}

async function setRepository(
  { store }: Parameters<Command>[0],
  [name = "", ...pairs]: readonly string[],
): Promise<void> {
  const settings: RepositorySettings = {};
  for (const pair of pairs) {
    const [key = "", value = ""] = pair.split(/=(.*)/s, 2);
    if (key === "private" || key === "official") settings[key] = yesOrNo(value);
    else if (key === "description" || key === "immutable") settings[key] = value;
    else if (key === "retention") {
      parseRetention(value);
      settings[key] = value;
    } else
      throw invalidArgument(`${key} cannot be set (private, official, description, immutable, retention)`);
  }
  if (!(await store.repositories.get(name))) throw notFound(`there is no repository ${name}`);
  await store.repositories.set(name, settings);
}

function yesOrNo(text: string): boolean {
  if (text !== "yes" && text !== "no") throw invalidArgument(`expected yes or no: ${text}`);
  return text === "yes";
}
