interface ResolvConf {
  servers: string[];
  search: string[];
  options: string[];
}

/** resolv.conf(5); of several `search` and `options` lines the last one counts. */
export function parseResolvConf(text: string): ResolvConf {
  const found: ResolvConf = { servers: [], search: [], options: [] };
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver" && values[0]) found.servers.push(values[0]);
    if (keyword === "search" || keyword === "domain") found.search = values;
    if (keyword === "options") found.options = values;
  }
  return found;
}
