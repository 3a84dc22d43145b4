/** The address of this server as people reach it, without a slash at its end. */
export interface PublicUrl {
  get(): string;
  /** Says where the server listens, which counts where no address is configured. */
  setListening(host: string, port: number): void;
}

const ALL_ADDRESSES = new Set(['0.0.0.0', '::']);

/** The address of a server that listens there, as its own machine reaches it. */
export function listeningUrl(host: string, port: number): string {
  const name = ALL_ADDRESSES.has(host) ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/**
 * The configured address; where there is none, that which the server listens at. The port is known
 * only once it listens, where any free one was asked for.
 */
export function createPublicUrl(configured: string | null, host: string, port: number): PublicUrl {
  let listening = listeningUrl(host, port);
  return {
    get: () => configured ?? listening,
    setListening(atHost, atPort) {
      listening = listeningUrl(atHost, atPort);
    },
  };
}
