/** What `wanhook init` knows of a machine, as parsed from its own words. Never a secret: those are not even kept. */

export interface SeenDevice {
  readonly name: string;
  readonly index: number;
  /** `ether`, `ppp`, `bridge`, `wireguard`, …: the kernel's kind, or its link type. */
  readonly kind: string;
  /** IPv4, with prefix length. */
  readonly addresses: readonly string[];
}

/** A default route of `main`. */
export interface SeenDefault {
  readonly device: string;
  readonly gateway?: string;
  readonly metric: number;
  /** Who made it, as `ip route` says: dhcp, static, boot, … */
  readonly protocol: string;
}

/** What one of pppd's peers files says about its line. */
export interface SeenPeer {
  readonly name: string;
  readonly ipparam?: string;
  readonly linkname?: string;
  readonly kind: 'PPPoE' | 'PPTP' | 'L2TP' | 'ppp';
  /** The network card below it. */
  readonly over?: string;
  /** Of a tunnel. */
  readonly server?: string;
  readonly takesDefault: boolean;
  readonly refusesDefault: boolean;
  readonly replacesDefault: boolean;
  readonly redials: boolean;
}

export interface SeenLease {
  readonly device: string;
  /** The client that has it. */
  readonly client: string;
  readonly router?: string;
  readonly expired: boolean;
}

/** A device as NetworkManager sees it. */
export interface SeenManaged {
  readonly device: string;
  readonly type: string;
  readonly connection: string;
  readonly gateway?: string;
}

/** A dial-up connection of NetworkManager's that is not up. */
export interface SeenIdle {
  readonly name: string;
  readonly type: string;
}

export interface Machine {
  readonly devices: readonly SeenDevice[];
  readonly defaults: readonly SeenDefault[];
  readonly peers: readonly SeenPeer[];
  readonly leases: readonly SeenLease[];
  readonly managed: readonly SeenManaged[];
  readonly idle: readonly SeenIdle[];
  /** What is there but could not be understood, and why. */
  readonly unclear: readonly string[];
}
