/**
 * Five hundred containers on one network: how long they take to start, that each is found by its name and reached, how many
 * questions a second the resolver answers, and that nothing of them is left. Exits with 1 when a bound is broken.
 *
 *     bun bench/network.ts [CONTAINERS]
 */
import { createSocket } from "node:dgram";
import { bindSocket } from "../src/linux/inet-socket.ts";
import { inNetns } from "../src/linux/namespace.ts";
import { TestDaemon } from "../test/harness/daemon.ts";
import { untilEmpty } from "../test/harness/process.ts";

const containers = Number(process.argv[2] ?? 500);
const atOnce = 8;
const bounds = { queriesPerSecond: 5000 };

await using daemon = await TestDaemon.start({ images: ["busybox"] });
let broken = false;

/** Runs `work` for each number, a few at a time; milliseconds. */
async function each(work: (number: number) => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < containers) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return performance.now() - begun;
}

const nameOf = (at: number) => `member-${at}`;
const told = (what: string, value: number, unit: string) =>
  console.log(`${what}: ${value.toFixed(1)} ${unit}`);

await daemon.must("network", "create", "crowd");
const started = await each((at) =>
  daemon.must("run", "-d", "--name", nameOf(at), "--network", "crowd", "busybox", "sleep", "86400"),
);
told("start", started / containers, "ms each");
const running = (await daemon.must("ps", "-q")).split("\n").length;
if (running !== containers) throw new Error(`${running} of ${containers} run`);

/** A question for the IPv4 addresses of a name (RFC 1035, section 4.1). */
function question(id: number, name: string): Buffer {
  const head = Buffer.of(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0);
  return Buffer.concat([head, Buffer.of(name.length), Buffer.from(name), Buffer.of(0, 0, 1, 0, 1)]);
}

/** Asks for `total` names from inside the first container, with `window` questions on their way at a time. */
async function askAll(
  total: number,
  window: number,
): Promise<{ perSecond: number; right: Map<string, string> }> {
  const netns = await daemon.inspect(nameOf(0), "{{.NetworkSettings.SandboxKey}}");
  const socket = createSocket("udp4");
  socket.bind({ fd: inNetns(netns, () => bindSocket("udp", { ip: "0.0.0.0", port: 0 })) });
  const right = new Map<string, string>();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let sent = 0;
  let answered = 0;
  const next = () => {
    if (sent < total) socket.send(question(sent % 65536, nameOf(sent++ % containers)), 53, "127.0.0.11");
  };
  socket.on("message", (reply) => {
    const name = reply.subarray(13, 13 + (reply[12] ?? 0)).toString();
    right.set(name, [...reply.subarray(-4)].join("."));
    if (++answered === total) resolve();
    else next();
  });
  const begun = performance.now();
  for (let at = 0; at < window; at++) next();
  const timer = setTimeout(() => reject(new Error(`${answered} of ${total} answers`)), 30_000);
  await promise.finally(() => clearTimeout(timer));
  socket.close();
  return { perSecond: (total / (performance.now() - begun)) * 1000, right };
}

const { perSecond, right } = await askAll(20_000, 32);
told("names answered", perSecond, `a second (bound ${bounds.queriesPerSecond})`);
if (perSecond < bounds.queriesPerSecond) broken = true;
const format = '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{"\\n"}}{{end}}';
const members = (await daemon.must("network", "inspect", "crowd", "--format", format))
  .split("\n")
  .filter(Boolean);
const wrong = members.filter((line) => {
  const [name = "", address = ""] = line.split(" ");
  return right.get(name) !== address.split("/")[0];
});
console.log(`${members.length} members, wrong answers: ${wrong.length === 0 ? "none" : wrong.join(", ")}`);
if (members.length !== containers || wrong.length > 0) broken = true;
const last = nameOf(containers - 1);
await daemon.must("exec", nameOf(0), "ping", "-c1", "-W2", last);
console.log(`${last} is reached by its name`);
told("rm -f", (await each((at) => daemon.must("rm", "-f", nameOf(at)))) / containers, "ms each");
await daemon.must("network", "rm", "crowd");
await untilEmpty("nothing of them is left", async () => (await daemon.leftovers()).containers, 60);
console.log("nothing is left");
process.exitCode = broken ? 1 : 0;
