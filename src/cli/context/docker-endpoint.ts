import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { errnoOf, messageOf } from "../../base/errors.ts";
import { keyValue } from "../../base/key-value.ts";
import { type ContextEndpoint, type ContextMeta, type ContextTls, readContext } from "../context-store.ts";
import { StatusError } from "../exit.ts";
import { flag } from "../flags.ts";

/** `--docker host=tcp://…,ca=…`, several times. */
export const dockerFlag = flag.custom(
  "stringToString",
  "Where the daemon is: host, ca, cert, key, skip-tls-verify, or from (a context)",
  {} as Readonly<Record<string, string>>,
  (text, before) => {
    const pairs = text.split(",").map((pair) => {
      if (!pair.includes("=")) throw new Error(`${pair} must be formatted as key=value`);
      return keyValue(pair);
    });
    return { ...before, ...Object.fromEntries(pairs) };
  },
  { initialText: "[]" },
);

const files = { ca: "ca.pem", cert: "cert.pem", key: "key.pem" } as const;
const keys = ["from", "host", "skip-tls-verify", ...Object.keys(files)];

/** What `--docker` says of an endpoint. Throws with the Go client's texts. */
export function dockerEndpoint(
  folder: string,
  given: Readonly<Record<string, string>>,
): { endpoint: ContextEndpoint; tls: ContextTls } {
  try {
    const unknown = Object.keys(given).find((key) => !keys.includes(key));
    if (unknown !== undefined) throw new Error(`unrecognized config key: ${unknown}`);
    if (given.from) return fromContext(readContext(folder, given.from));
    const skip = given["skip-tls-verify"] ?? "false";
    if (!["true", "false", "1", "0"].includes(skip)) {
      throw new Error(`skip-tls-verify: strconv.ParseBool: parsing ${JSON.stringify(skip)}: invalid syntax`);
    }
    const pem = Object.entries(files).flatMap(([key, file]) => {
      const path = given[key];
      return path ? [[file, readPem(path)] as const] : [];
    });
    checkPem(Object.fromEntries(pem));
    const endpoint = {
      ...(given.host && { Host: given.host }),
      SkipTLSVerify: skip === "true" || skip === "1",
    };
    return { endpoint, tls: pem.length > 0 ? { docker: Object.fromEntries(pem) } : {} };
  } catch (error) {
    throw new StatusError(1, `unable to create docker endpoint config: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Refuses files with which no connection could be made. */
function checkPem(given: Readonly<Record<string, Buffer>>): void {
  const invalid = "invalid docker endpoint options: ";
  const unusable = `${invalid}failed to retrieve context tls info: `;
  const { "ca.pem": ca, "cert.pem": cert, "key.pem": key } = given;
  const or = <T>(make: () => T, message: string): T => {
    try {
      return make();
    } catch (error) {
      throw new Error(message, { cause: error });
    }
  };
  if (ca) or(() => new X509Certificate(ca), `${unusable}ca.pem seems invalid`);
  if (!cert || !key) return;
  const certificate = or(
    () => new X509Certificate(cert),
    `${unusable}tls: failed to find any PEM data in certificate input`,
  );
  const secret = or(() => createPrivateKey(key), `${invalid}no valid private key found`);
  if (!certificate.checkPrivateKey(secret)) {
    throw new Error(`${unusable}tls: private key does not match public key`);
  }
}

function fromContext(meta: ContextMeta): { endpoint: ContextEndpoint; tls: ContextTls } {
  return { endpoint: meta.Endpoints?.docker ?? {}, tls: {} };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw new Error(`open ${path}: no such file or directory`);
    throw error;
  }
}
