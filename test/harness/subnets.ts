/**
 * Gives subnets that no other test has at the same time, where it is run in this host's own network: the process says
 * which sixteen /24 below 10.192.0.0/10 are its. No daemon takes one of them by itself.
 */
export function ownSubnets(): () => string {
  const block = process.pid % 1024;
  let taken = 0;
  return () => {
    if (taken === 16) throw new Error("a process has sixteen subnets");
    return `10.${192 + (block >> 4)}.${(block & 15) * 16 + taken++}.0/24`;
  };
}
