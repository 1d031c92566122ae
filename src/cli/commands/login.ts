import type { AuthConfig } from "../../api/images.ts";
import { EngineError, internal, messageOf } from "../../base/errors.ts";
import type { Cli } from "../cli.ts";
import { atMost, command } from "../command.ts";
import { updateConfigFile } from "../config-file.ts";
import { StatusError } from "../exit.ts";
import { flag } from "../flags.ts";
import { authForServer, helperFor, hostOf, hubServer, storedAuth } from "../registry-auth.ts";
import { inputIsTerminal } from "../streams.ts";

const flags = {
  password: flag.string("Password, or a personal access token", { short: "p" }),
  "password-stdin": flag.bool("Read the password from standard input"),
  username: flag.string("User name", { short: "u" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] [SERVER]",
  args: atMost(1),
  flags,
  run: async (cli, { args, flags, changed }) => {
    const given = {
      username: changed("username") ? flags.username : undefined,
      password: changed("password") ? flags.password : undefined,
      fromInput: flags["password-stdin"],
    };
    const password = await passwordOf(cli, given);
    const server = serverAddress(args[0] ?? "");
    // What is stored is asked for only where the command line says nothing: a helper may be slow, or ask the user.
    const stored = given.username || password ? {} : authForServer(cli.config, server);
    if (stored.username || stored.identitytoken) {
      if (await loginAgain(cli, stored, server)) return 0;
    }
    const asked = await askFor(cli, server, given.username || stored.username, password, given.username);
    await login(cli, { ...asked, serveraddress: server });
    return 0;
  },
});

/** The name under which the registry's credentials are kept. */
function serverAddress(argument: string): string {
  return argument === "" || argument === "docker.io" || argument === hubServer ? hubServer : hostOf(argument);
}

interface Given {
  username: string | undefined;
  password: string | undefined;
  fromInput: boolean;
}

/** The password that the command line names. Throws with the Go client's texts. */
async function passwordOf(cli: Cli, given: Given): Promise<string | undefined> {
  if (given.fromInput) {
    if (given.password !== undefined) {
      throw new StatusError(1, "conflicting options: cannot specify both --password and --password-stdin");
    }
    if (!given.username) {
      throw new StatusError(1, "the --password-stdin option requires --username to be set");
    }
    return (await Bun.stdin.text()).replace(/\r?\n$/, "");
  }
  if (given.username === "") throw new StatusError(1, "username is empty");
  if (given.password === "") throw new StatusError(1, "password is empty");
  if (given.password !== undefined) {
    cli.printError("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
  }
  return given.password;
}

/** With what is stored. False when that does not hold any more. */
async function loginAgain(cli: Cli, stored: AuthConfig, server: string): Promise<boolean> {
  const user = stored.username ? ` [Username: ${stored.username}]` : "";
  cli.err.write(`Authenticating with existing credentials...${user}\n\n`);
  const hint = "To login with a different account, run 'docker logout' followed by 'docker login'";
  cli.err.write(` Info -> ${hint}\n\n\n`);
  try {
    await login(cli, { ...stored, serveraddress: server });
    return true;
  } catch (error) {
    if (!(error instanceof EngineError && error.code === "unauthorized")) throw error;
    cli.printError("Stored credentials invalid or expired");
    return false;
  }
}

/** What the command line does not say is asked for on the terminal. */
async function askFor(
  cli: Cli,
  server: string,
  known: string | undefined,
  password: string | undefined,
  username: string | undefined,
): Promise<{ username: string; password: string }> {
  if (username && password) return { username, password };
  if (!inputIsTerminal()) {
    throw new StatusError(1, "Error: Cannot perform an interactive login from a non TTY device");
  }
  const { Prompts } = await import("../prompt.ts");
  await using prompts = new Prompts(cli);
  if (server === hubServer) tellOfHub(cli, username);
  let user = username ?? "";
  if (user === "") {
    user = (await prompts.ask(known ? `Username (${known}): ` : "Username: ")).trim() || (known ?? "");
  }
  if (user === "") throw new StatusError(1, "Error: Non-null Username Required");
  const secret = password || (await prompts.askSecret("Password: "));
  if (secret === "") throw new StatusError(1, "Error: Password Required");
  return { username: user, password: secret };
}

function tellOfHub(cli: Cli, username: string | undefined): void {
  if (username === undefined) {
    cli.printError("Logging in with the browser is not supported - falling back to the command line.\n");
  }
  cli.printError(
    "In place of the password, a personal access token (https://app.docker.com/settings) will do.\n",
  );
}

/** Lets the daemon ask the registry, and keeps what holds. */
async function login(cli: Cli, auth: AuthConfig): Promise<void> {
  const answer = await (await cli.client()).call("SystemAuth", { body: auth });
  const token = answer.IdentityToken;
  const kept = token ? { ...auth, password: "", identitytoken: token } : auth;
  try {
    keep(cli, kept);
  } catch (error) {
    throw internal(`Error saving credentials: ${messageOf(error)}`, error);
  }
  if (answer.Status) cli.print(answer.Status);
}

function keep(cli: Cli, auth: AuthConfig): void {
  const { serveraddress: server = "" } = auth;
  const helper = helperFor(cli.config, server);
  helper?.store(server, auth);
  const auths = cli.config.auths ?? {};
  const entry = helper ? {} : storedAuth(auth);
  if (Bun.deepEquals(auths[server], entry)) return;
  updateConfigFile(cli.configFolder, { auths: { ...auths, [server]: entry } });
  if (!helper) warnOfPlainText(cli);
}

function warnOfPlainText(cli: Cli): void {
  cli.err.write(`
WARNING! Your credentials are stored unencrypted in '${cli.configFolder}/config.json'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

`);
}
