import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

function openssl(folder: string, ...argv: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...argv], { cwd: folder });
  if (exitCode !== 0) throw new Error(`openssl ${argv[0]}: ${stderr}`);
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** A certificate authority of its own in `folder`. */
export function makeAuthority(
  folder: string,
  name: string,
): { ca: string; issue(who: string, hosts: string): Pair } {
  openssl(
    folder,
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.pem`,
    "-days",
    "2",
    "-subj",
    `/CN=${name}`,
  );
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  return {
    ca: read(`${name}.pem`),
    issue(who, hosts) {
      writeFileSync(join(folder, "extensions"), `subjectAltName=${hosts}\n`);
      openssl(folder, "req", ...newKey, "-keyout", `${who}.key`, "-out", `${who}.csr`, "-subj", `/CN=${who}`);
      openssl(
        folder,
        "x509",
        "-req",
        "-in",
        `${who}.csr`,
        "-CA",
        `${name}.pem`,
        "-CAkey",
        `${name}.key`,
        "-CAcreateserial",
        "-out",
        `${who}.pem`,
        "-days",
        "2",
        "-extfile",
        "extensions",
      );
      return { cert: read(`${who}.pem`), key: read(`${who}.key`) };
    },
  };
}
