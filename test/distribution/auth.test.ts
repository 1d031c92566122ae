import { describe, expect, test } from "bun:test";
import type { Credentials } from "../../src/distribution/credentials.ts";
import { login } from "../../src/distribution/login.ts";
import { Repository } from "../../src/distribution/repository.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { testTransport } from "./stores.ts";
import { makeImage, serveImage } from "./test-image.ts";
import { TestRegistry } from "./test-registry.ts";

const image = makeImage([{ a: "a" }]);
const user: Credentials = { username: "u", password: "secret" };
const basic = `Basic ${Buffer.from("u:secret").toString("base64")}`;

async function manifestOf(registry: TestRegistry, credentials: Credentials): Promise<string> {
  const transport = testTransport();
  const reference = parseReference(`${registry.host}/app:1`);
  const repository = await Repository.open(transport, reference, { credentials, access: "pull" });
  return (await repository.first((client) => client.manifest("1"))).digest;
}

async function startRegistry(): Promise<TestRegistry> {
  const registry = await TestRegistry.start();
  serveImage(registry, "app:1", image);
  return registry;
}

describe("basic authentication", () => {
  const guard = (registry: TestRegistry) => {
    registry.decide = ({ headers }) =>
      headers.authorization === basic
        ? undefined
        : { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } };
  };

  test("credentials are sent when they are asked for, and not before", async () => {
    await using registry = await startRegistry();
    guard(registry);
    expect(await manifestOf(registry, user)).toBe(image.digest);
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, basic]);
  });

  test("nobody, and the wrong password, in Docker's words", async () => {
    await using registry = await startRegistry();
    guard(registry);
    await expect(manifestOf(registry, {})).rejects.toThrow(
      `Get "${registry.url}/v2/app/manifests/1": no basic auth credentials`,
    );
    await expect(manifestOf(registry, { ...user, password: "x" })).rejects.toThrow(
      "unauthorized: authentication required",
    );
  });
});

describe("tokens", () => {
  /** A registry that takes the newest token that its token server gave. */
  async function withTokens(lifetime = 300) {
    const registry = await startRegistry();
    const tokens = await TestRegistry.start();
    let given = 0;
    tokens.decide = ({ path, headers }) => {
      const refused = headers.authorization !== undefined && headers.authorization !== basic;
      if (refused) return { status: 401, body: '{"details":"incorrect username or password"}' };
      given++;
      const refresh = path.includes("offline_token") ? "refresh" : undefined;
      const answer = { token: `t${given}`, expires_in: lifetime, refresh_token: refresh };
      return { status: 200, body: JSON.stringify(answer) };
    };
    const challenge = `Bearer realm="${tokens.url}/token",service="s",scope="repository:app:pull"`;
    registry.decide = ({ headers }) =>
      headers.authorization === `Bearer t${given}` && given > 0
        ? undefined
        : { status: 401, headers: { "www-authenticate": challenge } };
    const close = async () => {
      await registry[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    };
    return { registry, tokens, revoke: () => void given++, [Symbol.asyncDispose]: close };
  }

  test("the password goes to the token server and never to the registry", async () => {
    await using all = await withTokens();
    expect(await manifestOf(all.registry, user)).toBe(image.digest);
    const [asked] = all.tokens.requests;
    expect(asked?.path).toBe("/token?service=s&scope=repository%3Aapp%3Apull&account=u");
    expect(asked?.headers.authorization).toBe(basic);
    expect(all.registry.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      "Bearer t1",
    ]);
  });

  test("without credentials the token is asked for without a name", async () => {
    await using all = await withTokens();
    expect(await manifestOf(all.registry, {})).toBe(image.digest);
    expect(all.tokens.requests[0]?.headers.authorization).toBeUndefined();
    expect(all.tokens.requests[0]?.path).not.toContain("account");
  });

  test("a token that ends in the middle is replaced, by one request for all who need it", async () => {
    await using all = await withTokens();
    const reference = parseReference(`${all.registry.host}/app:1`);
    const repository = await Repository.open(testTransport(), reference, {
      credentials: user,
      access: "pull",
    });
    await repository.first((client) => client.manifest("1"));
    all.revoke();
    const [client] = repository.clients;
    const bodies = await Promise.all(
      image.layers.concat(image.layers).map(async ({ digest }) => {
        const body = await client?.blob(digest, 0);
        return new Response(body?.stream).bytes();
      }),
    );
    expect(
      bodies.every((bytes) => Buffer.from(bytes).equals(image.layers[0]?.bytes ?? Buffer.alloc(0))),
    ).toBe(true);
    expect(all.tokens.requests.length).toBe(2);
  });

  test("a refresh token is used instead of a password", async () => {
    await using all = await withTokens();
    expect(await manifestOf(all.registry, { identitytoken: "refresh" })).toBe(image.digest);
    expect(all.tokens.requests[0]?.method).toBe("POST");
    expect(all.tokens.requests[0]?.headers.authorization).toBeUndefined();
  });

  test("a wrong password is told as the token server words it", async () => {
    await using all = await withTokens();
    await expect(manifestOf(all.registry, { username: "u", password: "x" })).rejects.toThrow(
      "unauthorized: incorrect username or password",
    );
  });

  test("a registry that refuses every token is not asked for ever", async () => {
    await using all = await withTokens();
    const challenge = `Bearer realm="${all.tokens.url}/token",service="s",error="insufficient_scope"`;
    all.registry.decide = () => ({ status: 401, headers: { "www-authenticate": challenge } });
    await expect(manifestOf(all.registry, user)).rejects.toThrow("denied");
    await manifestOf(all.registry, user).catch(() => {});
    expect(all.registry.requests.length).toBeLessThanOrEqual(6);
  });

  test("docker login brings a refresh token back", async () => {
    await using all = await withTokens();
    const good = { ...user, serveraddress: all.registry.host };
    expect(await login(testTransport(), good)).toEqual({ identityToken: "refresh" });
    await expect(login(testTransport(), { ...good, password: "x" })).rejects.toThrow(
      `Get "${all.registry.url}/v2/": unauthorized: incorrect username or password`,
    );
  });
});

describe("redirects", () => {
  test("credentials stay with the registry", async () => {
    await using registry = await startRegistry();
    await using storage = await startRegistry();
    registry.decide = ({ headers, path }) => {
      if (headers.authorization === undefined) {
        return { status: 401, headers: { "www-authenticate": "Basic realm=x" } };
      }
      return { status: 307, headers: { location: `${storage.url}${path}?X-Signature=abc` } };
    };
    expect(await manifestOf(registry, user)).toBe(image.digest);
    expect(storage.requests[0]?.headers.authorization).toBeUndefined();
  });

  test("signatures are not shown in errors, and loops end", async () => {
    await using registry = await startRegistry();
    registry.decide = ({ path }) => ({
      status: 302,
      headers: { location: `${path.split("?")[0]}?sig=secret` },
    });
    const failure = await manifestOf(registry, {}).catch((error: Error) => error.message);
    expect(failure).toContain("stopped after 10 redirects");
    expect(failure).not.toContain("secret");
    expect(registry.requests.length).toBe(11);
  });
});

test("a mirror never sees the registry's credentials", async () => {
  await using mirror = await startRegistry();
  mirror.decide = () => ({ status: 401, headers: { "www-authenticate": "Basic realm=x" } });
  const transport = testTransport({ mirrors: [mirror.url] });
  const repository = await Repository.open(transport, parseReference("app:1"), {
    credentials: user,
    access: "pull",
  });
  const [client] = repository.clients;
  await expect(client?.manifest("1")).rejects.toThrow("no basic auth credentials");
  await client?.manifest("1").catch(() => {});
  expect(mirror.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
});
