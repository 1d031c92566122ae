import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run, until } from "../harness/process.ts";
import { ownSubnets } from "../harness/subnets.ts";

const compose = Bun.which("docker-compose");
let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});

afterAll(() => daemon[Symbol.asyncDispose]());

const page = (text: string) => `sh -c "mkdir -p /w; echo ${text} > /w/index.html; exec httpd -f -p 80 -h /w"`;

const subnet = ownSubnets()();
const fixed = subnet.replace("0/24", "50");

const project = `
version: "2.4"
services:
  web:
    image: busybox
    command: ${page("web")}
    stop_signal: SIGKILL
    ports: ["127.0.0.1::80"]
    depends_on: [cache, db]
    networks: [front, back]
  cache:
    image: busybox
    command: ${page("cache")}
    stop_signal: SIGKILL
    networks: [back]
  alone:
    image: busybox
    command: sleep 1000
    stop_signal: SIGKILL
  db:
    image: busybox
    command: sleep 1000
    stop_signal: SIGKILL
    volumes: ["data:/data"]
    networks:
      back:
        aliases: [database]
        ipv4_address: ${fixed}
networks:
  front:
  back:
    ipam:
      config: [{subnet: ${subnet}}]
volumes:
  data:
`;

test.skipIf(!compose)(
  "docker-compose brings three services up, scales one, and takes all down",
  async () => {
    const directory = join(daemon.root, "shop");
    mkdirSync(directory);
    writeFileSync(join(directory, "docker-compose.yml"), project);
    const call = async (...args: string[]) => {
      const command = [
        compose ?? "",
        "--project-directory",
        directory,
        "-f",
        join(directory, "docker-compose.yml"),
      ];
      const { code, stdout, stderr } = await run([...command, ...args], { env: daemon.env });
      if (code !== 0) throw new Error(`docker-compose ${args.join(" ")}: ${stderr}`);
      return { stdout: stdout.trim(), stderr };
    };
    await call("up", "-d");
    const answers = (from: string, name: string) =>
      until(`${name} answers ${from}`, async () => {
        const { stdout } = await daemon.docker("exec", `shop_${from}_1`, "wget", "-qO-", `http://${name}`);
        return stdout === `${name}\n`;
      });
    await answers("db", "web");
    await answers("web", "cache");
    const ping = await daemon.must("exec", "shop_web_1", "ping", "-c1", "-W2", "database");
    expect(ping).toContain(fixed);
    const published = (await daemon.must("port", "shop_web_1")).replace("80/tcp -> ", "");
    expect((await run(["curl", "-s", "-m", "5", `http://${published}/`])).stdout).toBe("web\n");
    await call("up", "-d", "--scale", "web=3");
    const names = await daemon.must("exec", "shop_db_1", "nslookup", "-type=a", "web");
    expect(names.split(`\nAddress: ${subnet.replace("0/24", "")}`)).toHaveLength(4);
    await call("down", "-v");
    expect(await daemon.must("ps", "-aq")).toBe("");
    expect(await daemon.must("volume", "ls", "-q")).toBe("");
    expect(await daemon.must("network", "ls", "-q", "--filter", "type=custom")).toBe("");
  },
  180_000,
);
