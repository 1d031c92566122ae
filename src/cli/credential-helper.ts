import type { AuthConfig } from "../api/images.ts";
import { internal } from "../base/errors.ts";

/** The user name with which helpers keep a token that is used instead of a password. */
const tokenUser = "<token>";
const notFound = /credentials not found in native keychain/;

/** What went wrong, in the words of the Go client: `error getting credentials - err: …, out: …`. */
function helperError(doing: string, reason: string, out: string, cause?: unknown) {
  return internal(`error ${doing} credentials - err: ${reason}, out: \`${out}\``, cause);
}

/** `docker-credential-NAME`, by the protocol of docker-credential-helpers: one word as argument, the rest by pipes. */
export class CredentialHelper {
  readonly #program: string;

  constructor(name: string) {
    this.#program = `docker-credential-${name}`;
  }

  /** Undefined when the helper knows none. Throws `internal`. */
  get(server: string): AuthConfig | undefined {
    const { out, code } = this.#call("getting", "get", server);
    if (code !== 0) {
      if (notFound.test(out)) return undefined;
      throw helperError("getting", `exit status ${code}`, out);
    }
    const answer = parse(out);
    const serveraddress = answer.ServerURL || server;
    if (answer.Username === tokenUser) return { identitytoken: answer.Secret ?? "", serveraddress };
    return { username: answer.Username ?? "", password: answer.Secret ?? "", serveraddress };
  }

  /** The servers whose credentials it keeps. Throws `internal`. */
  list(): string[] {
    const { out, code } = this.#call("listing", "list", "");
    if (code !== 0) throw helperError("listing", `exit status ${code}`, out);
    return Object.keys(parse(out));
  }

  /** Throws `internal` when the helper cannot keep them. */
  store(server: string, auth: AuthConfig): void {
    const token = auth.identitytoken;
    const input = {
      ServerURL: server,
      Username: token ? tokenUser : (auth.username ?? ""),
      Secret: token || (auth.password ?? ""),
    };
    const { out, code } = this.#call("storing", "store", `${JSON.stringify(input)}\n`);
    if (code !== 0) throw helperError("storing", `exit status ${code}`, out);
  }

  /** Throws `internal`; that there is nothing to erase is no error. */
  erase(server: string): void {
    const { out, code } = this.#call("erasing", "erase", server);
    if (code !== 0 && !notFound.test(out)) throw helperError("erasing", `exit status ${code}`, out);
  }

  #call(doing: string, action: string, input: string): { out: string; code: number } {
    const command = [this.#program, action];
    let result: ReturnType<typeof Bun.spawnSync>;
    try {
      result = Bun.spawnSync(command, { stdin: Buffer.from(input), stdout: "pipe", stderr: "inherit" });
    } catch (error) {
      const reason = `exec: "${this.#program}": executable file not found in $PATH`;
      throw helperError(doing, reason, "", error);
    }
    return { out: result.stdout?.toString().trim() ?? "", code: result.exitCode };
  }
}

function parse(out: string): { ServerURL?: string; Username?: string; Secret?: string } {
  try {
    const value: unknown = JSON.parse(out);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below, without what may be a secret.
  }
  throw internal("error getting credentials - err: the helper did not answer with a JSON object");
}
