import type { LayerFile } from "../layer.ts";

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

const group = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
lp:x:7:
mail:x:8:
kmem:x:9:
wheel:x:10:root
cdrom:x:11:
dialout:x:18:
floppy:x:19:
video:x:28:
audio:x:29:
tape:x:32:
www-data:x:33:
operator:x:37:
utmp:x:43:
plugdev:x:46:
staff:x:50:
lock:x:54:
netdev:x:82:
users:x:100:
nobody:x:65534:
`;

/** Folders beside those that the applets are in, with their modes. */
const folders: Readonly<Record<string, number>> = {
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  proc: 0o555,
  root: 0o700,
  run: 0o755,
  sys: 0o555,
  tmp: 0o1777,
  "usr/local": 0o755,
  "usr/local/bin": 0o755,
  var: 0o755,
  "var/log": 0o755,
  "var/spool": 0o755,
  "var/spool/mail": 0o755,
  "var/tmp": 0o1777,
  "var/www": 0o755,
};

const binary = "bin/busybox";

/** The root file system: busybox, a hard link for each applet, and what programs expect to find. */
export function rootFiles(busybox: Uint8Array, applets: readonly string[]): LayerFile[] {
  const links = [...new Set(applets)].filter((path) => path !== binary).sort();
  const names = new Set([...links, binary].flatMap(parents));
  for (const name of Object.keys(folders)) {
    for (const parent of [name, ...parents(name)]) names.add(parent);
  }
  return [
    ...[...names]
      .sort()
      .map((path): LayerFile => ({ path, type: "directory", mode: folders[path] ?? 0o755 })),
    // The links point back to it: it has to come before them.
    { path: binary, type: "file", mode: 0o755, content: busybox },
    ...links.map((path): LayerFile => ({ path, type: "hardlink", mode: 0o755, target: binary })),
    text("etc/group", group),
    text("etc/passwd", passwd),
  ];
}

function text(path: string, content: string): LayerFile {
  return { path, type: "file", mode: 0o644, content: Buffer.from(content) };
}

/** `usr/bin/env` → `usr`, `usr/bin`. */
function parents(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
