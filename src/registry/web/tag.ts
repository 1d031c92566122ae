import { isEngineError } from "../../base/errors.ts";
import { isDigest } from "../../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../../oci/image-config.ts";
import { type Index, isIndex, type Manifest, parseManifestOrIndex } from "../../oci/manifest.ts";
import type { StoredManifest } from "../manifests.ts";
import { type Html, html } from "./html.ts";
import { command, hostOf, type Page, type PageExchange } from "./page.ts";
import { ago, size } from "./parts.ts";
import { repositoryFor, repositoryHead } from "./repository.ts";

const maxReferrers = 50;
/** Characters of a document. */
const maxShown = 200_000;

/** `/r/NAME/-/tags/TAG` and `/r/NAME/-/manifests/DIGEST`: platforms, layers and history; `?platform=DIGEST` chooses one of an index. */
export async function tagPage(
  exchange: PageExchange,
  { name, tag }: { name: string; tag: string },
): Promise<Page> {
  const { store, query } = exchange;
  const { repository, role } = await repositoryFor(exchange, name);
  const top = await store.manifests.get(name, tag);
  const document = parsed(top);
  const asked = query.get("platform") ?? "";
  const choices = isIndex(document)
    ? document.manifests.filter(({ platform }) => platform && platform.os !== "unknown")
    : [];
  const chosen = choices.find(({ digest }) => digest === asked) ?? choices[0];
  const image = chosen
    ? await store.manifests.get(name, chosen.digest).catch(ignoreUnknown)
    : isIndex(document)
      ? undefined
      : top;
  const short = `${name}${isDigest(tag) ? "@" : ":"}${tag}`;
  const reference = `${hostOf(exchange)}/${short}`;
  const body = html`${await repositoryHead(exchange, repository, role, "tag")}
<h2 class="name">${short}</h2>
${command(`docker pull ${reference}`)}
<div class="card"><dl><dt>Digest</dt><dd><code>${top.digest}</code></dd><dt>Type</dt><dd>${top.mediaType}</dd></dl></div>
${
  choices.length > 0 &&
  html`<nav class="tabs" aria-label="Platforms">${choices.map(
    ({ digest, platform }) =>
      html`<a href="?platform=${digest}" ${digest === chosen?.digest && html`aria-current="page"`}>${[platform?.os, platform?.architecture, platform?.variant].filter(Boolean).join("/")}</a>`,
  )}</nav>`
}
${image && (await imagePart(exchange, name, image))}
${await referrersPart(exchange, name, top)}
${documentPart(isIndex(document) ? "Index" : "Manifest", top)}
${chosen && image && documentPart("Manifest of this platform", image)}`;
  return { title: short, body };
}

function parsed({ bytes, mediaType }: StoredManifest): Manifest | Index {
  return parseManifestOrIndex(bytes, mediaType);
}

/** The document itself, folded up. */
function documentPart(title: string, { digest, bytes }: StoredManifest): Html {
  const text = JSON.stringify(JSON.parse(Buffer.from(bytes).toString("utf8")), undefined, 2);
  return html`<details class="card"><summary class="name">${title}</summary><p class="dim small"><code>${digest}</code>, ${size(bytes.byteLength)}</p>
<pre tabindex="0"><code>${text.length > maxShown ? `${text.slice(0, maxShown)}\n…` : text}</code></pre></details>`;
}

function ignoreUnknown(error: unknown): undefined {
  if (isEngineError(error, "notFound")) return undefined;
  throw error;
}

async function imagePart(exchange: PageExchange, name: string, stored: StoredManifest): Promise<Html> {
  const document = parsed(stored);
  if (isIndex(document)) return html`<p class="dim">This is an index of indexes.</p>`;
  const bytes = await exchange.store.blobs.read(name, document.config.digest);
  const config = bytes && configOf(bytes);
  const total = document.layers.reduce((sum, layer) => sum + layer.size, 0);
  return html`${config && configPart(exchange, config)}
<h3>Layers <span class="dim small">${size(total)} compressed</span></h3>
<div class="card table"><div class="scroll"><table><thead><tr><th class="num tight">#</th><th>Made by</th><th class="num">Size</th></tr></thead><tbody>${historyRows(document, config)}</tbody></table></div></div>`;
}

/** Undefined for what is not the configuration of an image (a chart, a signature). */
function configOf(bytes: Uint8Array): ImageConfig | undefined {
  try {
    return parseImageConfig(bytes);
  } catch (error) {
    if (isEngineError(error, "invalidArgument")) return undefined;
    throw error;
  }
}

function configPart(
  { store }: PageExchange,
  { config, created, os, architecture, variant }: ImageConfig,
): Html {
  const rows: [string, string | Html | undefined][] = [
    ["Platform", [os, architecture, variant].filter(Boolean).join("/")],
    [
      "Made",
      created === undefined || Number.isNaN(Date.parse(created))
        ? undefined
        : ago(Date.parse(created), store.clock.now()),
    ],
    ["Entrypoint", shell(config?.Entrypoint)],
    ["Command", shell(config?.Cmd)],
    ["Working directory", config?.WorkingDir],
    ["User", config?.User],
    ["Ports", Object.keys(config?.ExposedPorts ?? {}).join(", ")],
    ["Volumes", Object.keys(config?.Volumes ?? {}).join(", ")],
    ["Environment", config?.Env?.join("\n")],
  ];
  return html`<div class="card"><dl>${rows.map(
    ([key, value]) =>
      value !== undefined &&
      value !== "" &&
      html`<dt>${key}</dt><dd>${typeof value === "string" && ["Entrypoint", "Command", "Environment"].includes(key) ? value.split("\n").map((line) => html`<div><code>${line}</code></div>`) : value}</dd>`,
  )}</dl></div>`;
}

function shell(words: readonly string[] | undefined): string | undefined {
  return words?.map((word) => (/^[\w./:=@-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}

/** A row for each step that made the image; those without a layer have no size. */
function historyRows({ layers }: Manifest, config: ImageConfig | undefined): Html[] {
  const steps = config?.history ?? [];
  if (steps.filter((step) => !step.empty_layer).length !== layers.length) {
    return layers.map(
      (layer, index) =>
        html`<tr><td class="num">${index + 1}</td><td><code>${layer.digest}</code></td><td class="num">${size(layer.size)}</td></tr>`,
    );
  }
  let next = 0;
  return steps.map((step, index) => {
    const layer = step.empty_layer ? undefined : layers[next++];
    const text = (step.created_by ?? step.comment ?? "").replace(/^\/bin\/sh -c #\(nop\)\s+/, "");
    return html`<tr><td class="num">${index + 1}</td><td><code>${text}</code></td><td class="num">${layer ? size(layer.size) : html`<span class="dim">–</span>`}</td></tr>`;
  });
}

/** Signatures, SBOMs and the like that hang on the manifest. */
async function referrersPart(
  { store }: PageExchange,
  name: string,
  { digest }: StoredManifest,
): Promise<Html | undefined> {
  const rows: Html[] = [];
  if (!isDigest(digest)) return undefined;
  for await (const referrer of store.referrers.list(name, digest)) {
    if (rows.length >= maxReferrers) break;
    rows.push(
      html`<tr><td>${referrer.artifactType ?? referrer.mediaType}</td><td><a href="/r/${name}/-/manifests/${referrer.digest}"><code>${referrer.digest}</code></a></td><td class="num">${size(referrer.size)}</td></tr>`,
    );
  }
  return rows.length === 0
    ? undefined
    : html`<h3>Attached</h3><div class="card table"><div class="scroll"><table><thead><tr><th>Type</th><th>Digest</th><th class="num">Size</th></tr></thead><tbody>${rows}</tbody></table></div></div>`;
}
