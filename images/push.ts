import { internal, invalidArgument, messageOf, unavailable } from "../src/base/errors.ts";
import type { ImageSink } from "./seed.ts";

/** How much of an unexpected answer is shown. */
const shownLength = 1000;

/**
 * Pushes to the registry at `url` (`http://127.0.0.1:5000`), without credentials (OCI distribution-spec 1.1, "Push"). Its methods
 * throw `unavailable` when the registry cannot be reached, `internal` when it refuses.
 */
export function pushTo(url: string): ImageSink {
  if (!URL.canParse(url)) throw invalidArgument(`invalid URL: ${url}`);
  return {
    async putBlob(repository, { digest, bytes }) {
      const at = new URL(`/v2/${repository}/blobs/${digest}`, url);
      const known = await request(at, { method: "HEAD" }, [200, 404]);
      if (known.status === 200) return;
      const uploads = new URL(`/v2/${repository}/blobs/uploads/`, url);
      const started = await request(uploads, { method: "POST" }, [202]);
      const upload = new URL(started.headers.get("location") ?? "", uploads);
      upload.searchParams.set("digest", digest);
      const headers = { "Content-Type": "application/octet-stream" };
      await request(upload, { method: "PUT", body: bytes, headers }, [201]);
    },
    async putManifest(repository, reference, { mediaType, bytes }) {
      const at = new URL(`/v2/${repository}/manifests/${reference}`, url);
      await request(at, { method: "PUT", body: bytes, headers: { "Content-Type": mediaType } }, [201]);
    },
  };
}

async function request(url: URL, init: RequestInit, expected: readonly number[]): Promise<Response> {
  const what = `${init.method} ${url.origin}${url.pathname}`;
  const response = await fetch(url, { ...init, redirect: "error" }).catch((cause) => {
    throw unavailable(`${what}: ${messageOf(cause)}`, cause);
  });
  if (expected.includes(response.status)) return response;
  const answer = (await response.text()).slice(0, shownLength).trim();
  throw internal(`${what}: status ${response.status} ${answer}`);
}
