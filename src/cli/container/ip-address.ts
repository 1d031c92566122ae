const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);
const group = /^[0-9a-fA-F]{1,4}$/;

function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const embedded = ipv4.test(last);
  if (embedded) groups.pop();
  const count = groups.length + (embedded ? 2 : 0);
  return groups.every((part) => group.test(part)) && (halves.length === 2 ? count < 8 : count === 8);
}

/** 4 or 6 for an address, 0 for anything else; as `net.isIP`, without the time that loading `node:net` takes. */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (ipv4.test(text)) return 4;
  return isIpv6(text.split("%", 1)[0] ?? "") ? 6 : 0;
}
