import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeAuthority, type Pair } from "../api/certificates.ts";
import { clients, run } from "../harness/process.ts";

/** In this order: each changes what the next ones see. `cfg` is the client's folder. */
const steps = [
  "ls",
  "show",
  "create one --docker host=tcp://1.2.3.4:2375",
  "create one --docker host=tcp://1.2.3.4:2375",
  "create two --description two --docker host=ssh://me@host",
  "create three --from one",
  "create x",
  "create default",
  "create four --docker foo=bar",
  "create four --docker host=tcp://1.2.3.4:5,ca=/nonexistent",
  "create four --from nope",
  "create four --from one --docker host=tcp://1.1.1.1:1",
  "create tls --docker host=tcp://1.1.1.1:2376,ca=a.pem,cert=b.pem,key=c.pem,skip-tls-verify=true",
  "create bad --docker host=tcp://1.1.1.1:2376,ca=bad.pem",
  "create bad --docker host=tcp://1.1.1.1:2376,cert=bad.pem,key=c.pem",
  "inspect tls two nope",
  "inspect default",
  "inspect --format {{.Endpoints.docker.Host}} two",
  "ls --format json",
  "use one",
  "ls",
  "show",
  "inspect",
  "export tls",
  "export tls",
  "import back tls.dockercontext",
  "import back tls.dockercontext",
  "inspect back",
  "update tls --docker host=tcp://2.2.2.2:1",
  "inspect tls",
  "update two --description other",
  "update default --description x",
  "ls -q",
  "rm one",
  "rm -f one",
  "rm nope default three",
  "rm -f nope",
  "use nope",
  "use default",
  "ls",
];

async function transcript(docker: string, authority: { ca: string }, pair: Pair): Promise<string[]> {
  const folder = mkdtempSync("/tmp/longshore-context-");
  try {
    const files = { "a.pem": authority.ca, "b.pem": pair.cert, "c.pem": pair.key, "bad.pem": "bad" };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const seen: string[] = [];
    for (const step of steps) {
      const command = [docker, "--config", "cfg", "context", ...step.split(" ")];
      const env = { DOCKER_HOST: "", DOCKER_CONTEXT: "" };
      const { stdout, stderr, code } = await run(command, { cwd: folder, env });
      seen.push(`${step}: ${code}\n${stdout}${stderr}`);
    }
    return seen;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("contexts are made, used, carried and removed, as Docker's client does it", async () => {
  const [[, ours] = ["", ""], judge] = clients;
  const folder = mkdtempSync("/tmp/longshore-context-");
  const authority = makeAuthority(folder, "ca");
  const pair = authority.issue("me", "DNS:localhost");
  rmSync(folder, { recursive: true });
  const seen = await transcript(ours, authority, pair);
  if (judge) expect(seen).toEqual(await transcript(judge[1], authority, pair));
  const of = (step: string) => seen.find((text) => text.startsWith(`${step}: `));
  expect(of("use one")).toBe('use one: 0\none\nCurrent context is now "one"\n');
  expect(of("import back tls.dockercontext")).toContain('Successfully imported context "back"');
  expect(of("inspect back")).toMatch(/"ca.pem",\s+"cert.pem",\s+"key.pem"/);
  expect(of("rm one")).toContain('context "one" is in use, set -f flag to force remove');
  expect(of("show")).toBe("show: 0\ndefault\n");
});
