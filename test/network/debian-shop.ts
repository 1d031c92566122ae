import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The image that all three services are built from. */
export const shopBase = "debian-shop";

/** The programs of the shop. */
export const shopPackages = ["lighttpd", "redis-server", "redis-tools", "postgresql", "postgresql-client"];

/** A web server whose page counts its calls in a cache, and notes them in a database; both are found by their names. */
const files: Record<string, Record<string, string>> = {
  web: {
    "index.sh": `#!/bin/sh
count=$(redis-cli -h cache INCR calls 2>&1)
rows=$(psql -h database -U postgres -qAtc "INSERT INTO calls VALUES ('$(hostname)')" -c "SELECT count(*) FROM calls" 2>&1)
printf 'Content-Type: text/plain\\r\\n\\r\\ncache %s database %s\\n' "$count" "$rows"
`,
    "lighttpd.conf": `server.modules = ("mod_cgi")
server.document-root = "/srv"
server.port = 80
index-file.names = ("index.sh")
cgi.assign = (".sh" => "/bin/sh")
`,
    Dockerfile: `FROM ${shopBase}
RUN ln -s /usr/lib/postgresql/*/bin/psql /usr/bin/psql
COPY index.sh /srv/index.sh
COPY lighttpd.conf /etc/lighttpd.conf
EXPOSE 80
STOPSIGNAL SIGINT
CMD ["lighttpd", "-D", "-f", "/etc/lighttpd.conf"]
`,
  },
  cache: {
    Dockerfile: `FROM ${shopBase}
CMD ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]
`,
  },
  database: {
    "start.sh": `#!/bin/sh -e
if [ ! -e /data/cluster/PG_VERSION ]; then
  initdb -D /data/cluster -N -A trust --no-locale -U postgres
  echo 'host all all all trust' >> /data/cluster/pg_hba.conf
  echo 'CREATE TABLE calls (host text)' | postgres --single -j -D /data/cluster postgres
fi
exec postgres -D /data/cluster -c listen_addresses='*' -c unix_socket_directories=/tmp
`,
    Dockerfile: `FROM ${shopBase}
RUN echo postgres:x:70:70::/data:/bin/sh > /etc/passwd && mkdir -p /data /tmp && chown 70:70 /data && chmod 1777 /tmp
ENV PATH=/usr/lib/postgresql/current/bin:/usr/bin:/bin
RUN ln -s /usr/lib/postgresql/[0-9]* /usr/lib/postgresql/current
COPY start.sh /start.sh
USER postgres
STOPSIGNAL SIGINT
VOLUME /data
CMD ["sh", "/start.sh"]
`,
  },
};

const project = `
version: "2.4"
services:
  web:
    build: web
    ports: ["127.0.0.1::80"]
    depends_on: [cache, database]
  cache:
    build: cache
  database:
    build: database
    volumes: ["data:/data"]
volumes:
  data:
`;

/** Writes a Compose project of three services, whose programs are Debian's. */
export function writeShop(directory: string): void {
  mkdirSync(directory);
  writeFileSync(join(directory, "docker-compose.yml"), project);
  for (const [service, contents] of Object.entries(files)) {
    mkdirSync(join(directory, service));
    for (const [name, text] of Object.entries(contents)) writeFileSync(join(directory, service, name), text);
  }
}
