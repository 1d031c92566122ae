/**
 * Where Docker 20.10, which distributions have, and the Docker whose behaviour is ours differ. `said`: another wording
 * now, by which the older's lines are changed before they are compared. `done`: commands whose answers differ for the
 * reason given.
 */
export const said: readonly [RegExp, string][] = [
  [/Cannot kill container/, "cannot kill container"],
  [/\bContainer <id> is not running/, "container <id> is not running"],
  [/Invalid filter/, "invalid filter"],
  [/Unrecognised filter value/, "unrecognized filter value"],
  [/no such container nosuch/, "No such container: nosuch"],
  [/daemon: strconv.Atoi: parsing "x"/, `daemon: invalid filter 'exited=x': strconv.Atoi: parsing "x"`],
  [/Invalid range specified for the Port/, "invalid range specified for port"],
  [
    /invalid restart policy '(\w+)'/,
    "invalid restart policy: unknown policy '$1'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  ],
  [
    /maximum retry count cannot be used with restart policy '\w+'/,
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  ],
  [
    /daemon: maximum retry count cannot be negative/,
    "daemon: invalid restart policy: maximum retry count cannot be negative",
  ],
  [/Unknown runtime specified/, "unknown or invalid runtime name:"],
  [
    /error looking up logging plugin (\w+): plugin "\w+" not found/,
    "logger: no log driver named '$1' is registered",
  ],
  [/No command specified/, "no command specified"],
  [
    /You cannot remove a running container <id>. Stop the container before attempting removal or force remove/,
    'cannot remove container "/alpha": container is running: stop the container before removing or force remove',
  ],
  [
    /daemon: failed to create shim task:/,
    "daemon: failed to create task for container: failed to create shim task:",
  ],
  [
    /unable to start container process: exec:/,
    "unable to start container process: error during container init: exec:",
  ],
  [
    /daemon: failed to initialize logging driver:/,
    "daemon: failed to create task for container: failed to initialize logging driver:",
  ],
  [/daemon: run is not a valid change command/, "daemon: RUN is not a valid change command"],
  [/daemon: from is not a valid change command/, "daemon: FROM is not a valid change command"],
  [/daemon: nosuch is not a valid change command/, "daemon: NOSUCH is not a valid change command"],
  [/no such image: \w+: No such image:/, "No such image:"],
  [/Invalid containerPort/, "invalid containerPort"],
  [
    /container cannot be disconnected from host network or connected to host network/,
    "cannot connect container to host network - container must be created in host network mode",
  ],
  [/Invalid network mode/, "invalid network mode"],
  [/is not connected to network/, "is not connected to the network"],
  [
    /can't join IPC of container <id>: non-shareable/,
    "failed to join IPC namespace: container <id>: non-shareable",
  ],
  [
    /can't join IPC of container <id>: container <id> is not running/,
    "failed to join IPC namespace: container <id> is not running",
  ],
  [/daemon: Pool overlaps/, "daemon: invalid pool request: Pool overlaps"],
  [
    /docker: Error response from daemon: (Address already in use|network \w+ not found)$/,
    "docker: Error response from daemon: failed to set up container networking: $1",
  ],
  [/(exec failed: unable to start container process:) error during container init:/, "$1"],
  [
    /'(\w+)' and '(\w+)' were specified in the seccomp profile/,
    "both '$1' and '$2' are specified in the seccomp profile",
  ],
  [/exec: "\/etc": permission denied: unknown/, 'exec: "/etc": is a directory: unknown: permission denied'],
];

export const done: readonly [command: RegExp, reason: string][] = [
  [/^docker exec --privileged one/, "it has what the daemon has, where Docker asks for more and fails"],
  [/cp -L one:\/etc\/mtab/, "the link is followed in the container, and not on the host"],
  [/filter container=ev1 --filter event=die/, "it tells how long it ran now"],
  [/^docker exec one ''/, "127 for what is not there"],
  [/^docker network create ''/, "an empty name is refused now"],
  [/^docker network create --subnet x/, "all that is wrong with a network is told at once now"],
  [/^docker network ls --filter dangling=x/, "another wording now"],
  [/^docker run .*--network net[13] --ip/, "all that is wrong with an endpoint is told at once now"],
  [/^docker network connect .*--ip \$NET.77/, "all that is wrong with an endpoint is told at once now"],
  [/^docker network disconnect nosuch /, "the container is asked now, and not the network"],
  [/nslookup al/, "networks have IPv6 too"],
  [/--network net5 busybox ip route/, "an internal network has no default route, and /22 are enough"],
  [/^docker network rm net1$/, "it says which containers are connected now"],
  [/^docker save .*nosuch/, "the tag that was looked for is told now"],
  [/^docker image prune -f$/, "an image without a name is one digest and its layers, compressed, count"],
  [/docker load/, "a daemon's error is the answer's status, and layouts are looked for too"],
  [/filter type=volume --filter event=create/, "what was there already was not created"],
  [/^docker create --stop-signal 99/, "a signal that Linux does not have would never stop it"],
  [/--kernel-memory/, "kernel memory has no limit of its own any more"],
  [/^docker create --ipc (x|container:) /, "refused at once, and not at the start"],
  [/^docker create --tmpfs \/t:nosuch/, "refused at once, and not at the start"],
  [/^docker create --ip /, "an address in the default bridge is refused now"],
  [/HostConfig.NetworkMode/, "the network is called by its name now, and not `default`"],
  [/NetworkSettings.Networks/, "the network's id is told before the start"],
  [/--pid container:e0/, "says now what failed"],
  [/^docker exec (alpha nosuchprogram|-w )/, "127 for what is not there, and the runtime's own words"],
  [/^docker exec alpha sh -c 'cat \/sys\/fs\/cgroup/, "the most processes that there can be, for no limit"],
  [/STOPSIGNAL 3|Config\.StopSignal|^docker rmi compare/, "commit takes STOPSIGNAL now"],
  [/^docker events --since 1 --until 0/, "the filter is looked at first"],
  [/^docker logs -n 1 e3/, "the two outputs are of the same moment"],
  [/^docker container prune .*until=x/, "another wording now"],
  [/-c 1 busybox/, "one share is raised to two, the least that there is"],
  [/--ulimit (nofile|memlock)=-1/, "a limit that the host cannot give is lowered"],
  [/--privileged|--cap-add all /, "capabilities that the host itself does not have are left out"],
  [/SCMP_ACT_NOSUCH|--tmpfs \/t:size=x/, "the runtime's own words"],
  [/OOMKilled/, "Docker sees it only when containerd is fast enough"],
  [/^docker exec live cat .*pids.max/, "the most processes that there can be, for no limit"],
];
