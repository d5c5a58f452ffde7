/** Whether what is sent there stays on this machine. A path is the folder of a Unix socket. */
export function isLocalHost(host: string): boolean {
  return (
    host.startsWith("/") ||
    /^127(?:\.\d{1,3}){3}$/.test(host) ||
    ["localhost", "::1", "[::1]"].includes(host) ||
    host.endsWith(".localhost")
  );
}
