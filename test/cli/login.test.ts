import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeImage, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, run } from "../harness/process.ts";
import { TestTerminal } from "../harness/terminal.ts";

const folder = `/tmp/longshore-login-${process.pid}`;
const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
/** Keeps one secret in a file, and notes what it is asked. */
const helper = `#!/bin/sh
cd ${folder}
echo "$1" >> asked
case $1 in
  store) cat > kept ;;
  get) cat >> asked; cat kept 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) cat >> asked; rm kept ;;
esac
`;

let daemon: TestDaemon;
let registry: TestRegistry;
beforeAll(async () => {
  mkdirSync(folder);
  writeFileSync(join(folder, "docker-credential-test"), helper);
  chmodSync(join(folder, "docker-credential-test"), 0o755);
  const broken = join(folder, "docker-credential-broken");
  writeFileSync(broken, "#!/bin/sh\necho no keys here; exit 3\n", { mode: 0o755 });
  daemon = await TestDaemon.start();
  registry = await TestRegistry.start();
  serveImage(registry, "app:1", makeImage([{ a: "a" }]));
  registry.decide = ({ headers }) =>
    headers.authorization === basic
      ? undefined
      : { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } };
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A client's own folder, with `config.json` if there is one. */
function configFolder(name: string, config?: Record<string, unknown>): string {
  const path = join(folder, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  if (config) writeFileSync(join(path, "config.json"), JSON.stringify(config));
  return path;
}

const readConfig = (path: string) => JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
const env = () => ({ ...daemon.env, PATH: `${folder}:${process.env.PATH}` });

describe.each(clients)("%s", (name, docker) => {
  const with_ = (config: string, args: string[], input = "") =>
    run([docker, "--config", config, ...args], { env: env(), input });

  test("stores what the registry accepts, warns of it, and uses it", async () => {
    const config = configFolder(name, { psFormat: "x" });
    const stdin = ["login", "-u", "me", "--password-stdin", registry.host];
    const { stdout, stderr, code } = await with_(config, stdin, "secret\n");
    expect([stdout, code]).toEqual(["Login Succeeded\n", 0]);
    expect(stderr).toContain(`WARNING! Your credentials are stored unencrypted in '${config}/config.json'.`);
    const auths = { [registry.host]: { auth: Buffer.from("me:secret").toString("base64") } };
    expect(readConfig(config)).toEqual({ auths, psFormat: "x" });
    expect((await with_(config, ["pull", "-q", `${registry.host}/app:1`])).code).toBe(0);
    const again = await with_(config, ["login", registry.host]);
    expect(again.stderr).toStartWith("Authenticating with existing credentials... [Username: me]\n");
    expect(again.stdout).toBe("Login Succeeded\n");
    const out = await with_(config, ["logout", registry.host]);
    expect(out.stdout).toBe(`Removing login credentials for ${registry.host}\n`);
    expect(readConfig(config)).toEqual({ auths: {}, psFormat: "x" });
  });

  test("refuses what cannot be, and stores nothing that the registry refuses", async () => {
    const config = configFolder(name);
    for (const [args, message] of [
      [["-u", "me", "-p", "wrong"], "failed with status: 401 Unauthorized"],
      [["--password-stdin"], "the --password-stdin option requires --username to be set"],
      [["-p", "x", "--password-stdin"], "conflicting options: cannot specify both --password and"],
      [["-u", "me", "-p", ""], "password is empty"],
      [["-u", "me"], "Error: Cannot perform an interactive login from a non TTY device"],
    ] as const) {
      const { stderr, code } = await with_(config, ["login", ...args, registry.host]);
      expect([stderr, code]).toEqual([expect.stringContaining(message), 1]);
    }
    expect(existsSync(join(config, "config.json"))).toBe(false);
  });

  test("gives secrets to a helper, and asks it", async () => {
    const config = configFolder(name, { credHelpers: { [registry.host]: "test" }, auths: {} });
    rmSync(join(folder, "asked"), { force: true });
    await with_(config, ["login", "-u", "me", "-p", "secret", registry.host]);
    expect(JSON.parse(readFileSync(join(folder, "kept"), "utf8"))).toEqual({
      ServerURL: registry.host,
      Username: "me",
      Secret: "secret",
    });
    expect(readConfig(config).auths).toEqual({ [registry.host]: {} });
    expect((await with_(config, ["pull", "-q", `${registry.host}/app:1`])).code).toBe(0);
    await with_(config, ["logout", registry.host]);
    expect(existsSync(join(folder, "kept"))).toBe(false);
    expect(readFileSync(join(folder, "asked"), "utf8")).toStartWith(`store\nget\n${registry.host}erase\n`);
    expect(readConfig(config)).toEqual({ auths: {}, credHelpers: { [registry.host]: "test" } });
  });

  test("a helper that is broken or missing keeps nobody from an image that anybody may have", async () => {
    for (const [helper, why] of [
      ["broken", "error getting credentials - err: exit status 3, out: `no keys here`"],
      ["missing", 'exec: "docker-credential-missing": executable file not found in $PATH'],
    ] as const) {
      const config = configFolder(name, { credsStore: helper });
      const pulled = await with_(config, ["pull", "-q", "busybox"]);
      expect([pulled.code, pulled.stdout]).toEqual([0, "docker.io/library/busybox:latest\n"]);
      // The Go client says nothing.
      if (docker.endsWith("dist/docker")) expect(pulled.stderr).toContain(why);
    }
  });

  test("asks on a terminal, and does not show the password", async () => {
    const config = configFolder(name);
    await using terminal = new TestTerminal([docker, "--config", config, "login", registry.host], {
      env: env(),
    });
    await terminal.shows("Username: ");
    await terminal.say("me", "Password: ");
    await terminal.say("secret", "Login Succeeded");
    expect(terminal.screen).not.toContain("secret");
    expect(await terminal.exited).toBe(0);
  });
});

test("keys that this client does not know stay, and so does a link; only the owner reads secrets", async () => {
  const real = configFolder("real", { future: { a: [1, 2] } });
  const config = configFolder("linked");
  await run(["ln", "-s", join(real, "config.json"), join(config, "config.json")]);
  const args = ["--config", config, "login", "-u", "me", "-p", "secret", registry.host];
  expect((await run([daemon.client, ...args], { env: env() })).code).toBe(0);
  expect(statSync(join(real, "config.json")).mode & 0o777).toBe(0o600);
  expect(readConfig(real)).toMatchObject({
    future: { a: [1, 2] },
    auths: { [registry.host]: expect.anything() },
  });
});
