import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, internal } from "../base/errors.ts";
import type { TlsOptions } from "./http.ts";

/** Where Docker looks for the certificates of registries. */
export const defaultCertsDir = "/etc/docker/certs.d";

/**
 * What `<dir>/<host[:port]>/` holds for a registry: `*.crt` are authorities, `*.cert` with the `*.key` of the same name
 * a client certificate. Undefined when there is nothing. Throws `internal` for a certificate without its key, in
 * Docker's words.
 */
export async function readCertificates(dir: string, host: string): Promise<TlsOptions | undefined> {
  const folder = join(dir, host.replaceAll("/", ""));
  let names: string[];
  try {
    names = (await readdir(folder)).toSorted();
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw internal(`unable to read certificates of ${host}`, error);
  }
  const text = (name: string) => readFile(join(folder, name), "utf8");
  const authorities = await Promise.all(names.filter((name) => name.endsWith(".crt")).map(text));
  const certificate = names.find((name) => name.endsWith(".cert"));
  const options: TlsOptions = {};
  if (authorities.length > 0) options.ca = authorities;
  if (certificate !== undefined) {
    const key = certificate.replace(/\.cert$/, ".key");
    if (!names.includes(key)) {
      throw internal(
        `missing key ${key} for client certificate ${certificate}. CA certificates must use the extension .crt`,
      );
    }
    options.cert = await text(certificate);
    options.key = await text(key);
  }
  return Object.keys(options).length > 0 ? options : undefined;
}
