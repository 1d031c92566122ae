import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import type { Database } from "../index/database.ts";

/** Rights that a token carries (Docker's token specification, "Requesting a Token"). */
export interface AccessClaim {
  type: string;
  name: string;
  actions: string[];
}

export interface Claims {
  iss: string;
  /** The account, or "" for anybody. */
  sub: string;
  aud: string;
  /** Seconds since 1970. */
  iat: number;
  nbf: number;
  exp: number;
  jti: string;
  access: AccessClaim[];
}

/** What clocks of two instances may differ by. */
const leewaySeconds = 60;
const header = encode({ typ: "JWT", alg: "ES256" });

/** Signs and checks JSON Web Tokens (RFC 7519, ES256). The key is in the index, so that all instances have the same. */
export class Signer {
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  private constructor(pem: string) {
    this.#private = createPrivateKey(pem);
    this.#public = createPublicKey(this.#private);
  }

  static async open(database: Database): Promise<Signer> {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    await database.run(
      "INSERT INTO settings (name, value) VALUES ('signing-key', ?) ON CONFLICT (name) DO NOTHING",
      pem,
    );
    const sql = "SELECT value FROM settings WHERE name = 'signing-key'";
    const row = await database.get<{ value: string }>(sql);
    return new Signer(row?.value ?? pem);
  }

  sign(claims: Claims): string {
    const text = `${header}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(text), { key: this.#private, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }

  /** The claims of a token that was signed here and is good at `now` (seconds since 1970). */
  verify(token: string, audience: string, now: number): Claims | undefined {
    const [head, body, signature] = token.split(".");
    if (head !== header || body === undefined || signature === undefined) return undefined;
    const key = { key: this.#public, dsaEncoding: "ieee-p1363" } as const;
    if (!verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url")))
      return undefined;
    const claims = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as Claims;
    const isNow = claims.nbf - leewaySeconds <= now && now < claims.exp + leewaySeconds;
    return isNow && claims.aud === audience ? claims : undefined;
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
