import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, dist, run } from "../harness/process.ts";

/** The Go client, where there is one: it is the judge of what ours prints. */
const judge = clients.find(([, program]) => program !== join(dist, "docker"))?.[1];

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  const labels = ["--label", "a=b", "--label", "c.d=e"];
  await daemon.must(
    "create",
    "--name",
    "made",
    ...labels,
    "-e",
    "X=y",
    "-p",
    "8080:80",
    "busybox",
    "echo",
    "hi",
  );
  await daemon
    .must("run", "--name", "ended", "busybox", "sh", "-c", "echo out; echo err >&2; exit 4")
    .catch(() => {});
  await daemon.must("run", "-d", "--name", "runs", "busybox", "sleep", "1000");
  await daemon.must("volume", "create", "--label", "a=b", "one");
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** By topic. Nothing in them may change what another one sees. */
const commands: Record<string, string[][]> = {
  "command lines that are wrong": [
    ["foo"],
    ["run"],
    ["run", "--foo"],
    ["run", "-itx", "busybox"],
    ["run", "--name"],
    ["run", "--memory", "x", "busybox"],
    ["run", "--detach=maybe", "busybox"],
    ["run", "-p", "abc", "busybox"],
    ["run", "--attach", "foo", "busybox"],
    ["run", "-d", "-a", "stdout", "busybox"],
    ["run", "--rm", "--restart", "always", "busybox"],
    ["run", "--pull=foo", "busybox"],
    ["run", "-it", "busybox"],
    ["create", "--env-file", "/nope", "busybox"],
    ["ps", "extra"],
    ["ps", "--filter", "foo"],
    ["port", "a", "b", "c"],
    ["images", "a", "b"],
    ["tag", "a"],
    ["container", "foo"],
    ["image", "--foo"],
    ["--foo"],
    ["-l", "foo", "ps"],
    ["-c", "nope", "ps"],
    ["-H", "a", "-H", "b", "ps"],
    ["-H", "unix:///nope.sock", "ps"],
    ["-H", "unix:///nope.sock", "run", "busybox"],
    ["start", "-ai", "a", "b"],
    ["help", "foo"],
  ],
  "what is not there": [
    ["rm", "nope", "nope2"],
    ["rm", "-f", "nope"],
    ["inspect", "nope"],
    ["inspect", "--type", "foo", "nope"],
    ["container", "inspect", "nope"],
    ["image", "inspect", "nope"],
    ["volume", "inspect", "nope"],
    ["network", "inspect", "nope"],
    ["start", "nope"],
    ["stop", "nope"],
    ["kill", "nope"],
    ["logs", "nope"],
    ["attach", "nope"],
    ["exec", "nope", "ls"],
    ["wait", "nope"],
    ["rename", "nope", "x"],
    ["rmi", "nope"],
    ["rmi", "-f", "nope"],
    ["history", "nope"],
    ["save", "nope"],
    ["tag", "nope", "x"],
    ["tag", "busybox", "BAD"],
    ["pull", "BAD"],
    ["load", "-i", "/nope"],
    ["import", "/nope"],
    ["export", "-o", "/nope/x", "made"],
    ["attach", "made"],
    ["port", "made", "99"],
  ],
  containers: [
    [
      "ps",
      "-a",
      "--no-trunc",
      "--format",
      "{{.ID}} {{.Names}} {{.Image}} {{.Command}} {{.Labels}} {{.State}}",
    ],
    ["ps", "-a", "--format", 'table {{.Names}}\\t{{.Label "c.d"}}\\t{{upper .Image}}'],
    ["ps", "-a", "-q", "--filter", "name=made"],
    ["ps", "--format", "{{.Foo}}"],
    ["ps", "--format", "{{"],
    ["logs", "ended"],
    ["logs", "--tail", "0", "ended"],
    ["wait", "ended"],
    ["port", "made"],
    ["exec", "runs", "sh", "-c", "echo hi; exit 7"],
    ["exec", "-w", "/tmp", "-e", "A=b", "-u", "1", "runs", "sh", "-c", "id; pwd; echo $A"],
    ["rm", "runs"],
    ["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3"],
    ["run", "--rm", "busybox", "nosuch"],
    ["run", "--rm", "busybox", "/etc"],
    ["run", "--name", "runs", "busybox", "true"],
  ],
  inspect: [
    ["inspect", "made"],
    ["inspect", "made", "nope"],
    ["inspect", "-f", "json", "made"],
    ["inspect", "-f", "{{.Config}} {{json .HostConfig}}", "made"],
    ["inspect", "-f", "{{.State}} {{.HostConfig.PortBindings}}", "made"],
    ["inspect", "-f", "{{.Config.Labels.a}} {{.Id}} {{index .Args 0}}", "made"],
    ["inspect", "-f", "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "made"],
    ["inspect", "-f", "{{.Foo}}", "made"],
    ["inspect", "-f", "{{.State.Foo}}", "made"],
    ["inspect", "-f", "{{index .Args 5}}", "made"],
    ["inspect", "-f", "{{.Name", "made"],
    ["image", "inspect", "busybox"],
    ["image", "inspect", "-f", "{{.ID}} {{.Architecture}} {{.RootFS}}", "busybox"],
    ["volume", "inspect", "one"],
    ["network", "inspect", "-f", "{{.Name}} {{.IPAM.Driver}}", "none"],
  ],
  "images, volumes, networks, the system": [
    ["images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}"],
    ["images", "-q", "--no-trunc"],
    ["images", "nope"],
    ["images", "--format", "{{.Foo}}"],
    ["history", "--no-trunc", "--format", "{{.ID}} {{.CreatedBy}} {{.Size}}", "busybox"],
    ["volume", "ls"],
    ["volume", "ls", "--format", "json"],
    ["network", "ls", "--no-trunc"],
    ["system", "df", "--format", "{{.Type}} {{.TotalCount}}"],
    ["version", "-f", "{{json .Server.Version}}"],
    ["version", "-f", "{{.Foo}}"],
    ["info", "-f", "{{.Driver}} {{.OSType}} {{.Foo}}"],
    ["events", "--since", "1", "--until", "2"],
    ["events", "--since", "soon"],
  ],
};

for (const [topic, lines] of Object.entries(commands)) {
  describe.skipIf(judge === undefined)(`${topic}: as the Go client`, () => {
    for (const line of lines) {
      test(`docker ${line.join(" ")}`, async () => {
        // Of one version, so that the daemon answers both alike.
        const env = { ...daemon.env, DOCKER_API_VERSION: "1.50" };
        const theirs = await run([judge ?? "", ...line], { env });
        const ours = await run([join(dist, "docker"), ...line], { env });
        // The id of a container that was only made to fail is another one each time.
        const plain = (text: string) => text.replace(/[0-9a-f]{64}/g, "ID");
        expect({ code: ours.code, stdout: plain(ours.stdout), stderr: plain(ours.stderr) }).toEqual({
          code: theirs.code,
          stdout: plain(theirs.stdout),
          stderr: plain(theirs.stderr),
        });
      });
    }
  });
}
