import { join } from "node:path";
import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";

/**
 * Where things are below the registry's root. Names of repositories cannot begin with `_`, so that what belongs to
 * `a` never meets the repository `a/b`.
 *
 *     blobs/sha256/ab/<hex>                              content, once for all repositories
 *     repositories/<name>/_blobs/sha256/<hex>            hard link to it: the repository has the blob
 *     repositories/<name>/_manifests/sha256/<hex>        media type, line feed, the manifest as it was pushed
 *     repositories/<name>/_tags/<tag>                    the digest that the tag points to
 *     repositories/<name>/_referrers/sha256/<subject>/sha256-<hex>   descriptor of a manifest that has this subject
 *     repositories/<name>/_uploads/<id>                  bytes that have arrived so far
 *     scratch/                                           files being written
 */
export class Layout {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get scratch(): string {
    return join(this.root, "scratch");
  }

  get repositories(): string {
    return join(this.root, "repositories");
  }

  content(digest: Digest): string {
    const hex = hexOf(digest);
    return join(this.root, "blobs", algorithmOf(digest), hex.slice(0, 2), hex);
  }

  repository(name: string): string {
    return join(this.repositories, name);
  }

  blob(name: string, digest: Digest): string {
    return join(this.repository(name), "_blobs", algorithmOf(digest), hexOf(digest));
  }

  manifests(name: string): string {
    return join(this.repository(name), "_manifests");
  }

  manifest(name: string, digest: Digest): string {
    return join(this.manifests(name), algorithmOf(digest), hexOf(digest));
  }

  tags(name: string): string {
    return join(this.repository(name), "_tags");
  }

  tag(name: string, tag: string): string {
    return join(this.tags(name), tag);
  }

  referrers(name: string, subject: Digest): string {
    return join(this.repository(name), "_referrers", algorithmOf(subject), hexOf(subject));
  }

  referrer(name: string, subject: Digest, digest: Digest): string {
    return join(this.referrers(name, subject), digest.replace(":", "-"));
  }

  uploads(name: string): string {
    return join(this.repository(name), "_uploads");
  }

  upload(name: string, id: string): string {
    return join(this.uploads(name), id);
  }
}
