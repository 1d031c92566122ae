/** What the container prints: what has just happened, and how to go on. `architecture` is the image's. */
export function greeting(architecture: string): string {
  return `
Hello from Longshore!
You are reading the output of a container: your installation works.

This is how it came to your terminal:
 1. The client, docker, sent your request to the API of the daemon.
 2. The daemon, dockerd, looked for the image "hello-world". What was missing it
    fetched from the registry, checked, and kept as layers.
 3. The registry named the variant of the image that is made for this machine
    (${architecture}), and delivered it: one layer, one small executable.
 4. The supervisor had the OCI runtime start that executable, isolated from the
    rest of the machine. It wrote these lines, the supervisor logged them and
    handed them on, and the client printed them.

To look around in a container of your own, start a shell:
 $ docker run -it busybox sh

`;
}
