import { Conntrack } from '../conntrack/conntrack.js';
import { Nftables } from '../firewall/nftables.js';
import { type AnyNetns, internals, NetworkNamespace } from '../namespaces/network.js';
import type { Fd } from '../syscalls/fd.js';
import { Addresses } from './addresses.js';
import { Fdb } from './fdb.js';
import { Links } from './links.js';
import { Neighbours } from './neighbours.js';
import { Routes } from './routes.js';

/** A network namespace with the tables of its kernel that can be read and changed. */
export abstract class TabledNamespace extends NetworkNamespace {
  /** Its network interfaces: get, list, watch. */
  readonly links: Links;
  /** The addresses of its links: add, replace, delete, list, watch. */
  readonly addresses: Addresses;
  /** Its routes: add, replace, delete, list, watch. */
  readonly routes: Routes;
  /** Who has which IP address on its links (ARP and neighbour discovery): add, replace, delete, list, watch. */
  readonly neighbours: Neighbours;
  /** Where its bridges and VXLANs send frames to: add, replace, delete, list, watch. */
  readonly fdb: Fdb;
  /** Its packet filter: apply, list, watch. */
  readonly nftables: Nftables;
  /** The connections that it tracks: list, delete, flush. */
  readonly conntrack: Conntrack;

  protected constructor(handle: Fd, owned: boolean, subject: string, route?: Fd) {
    super(handle, owned, subject, route);
    const self = this as unknown as AnyNetns;
    this.links = new Links(self);
    this.addresses = new Addresses(self);
    this.routes = new Routes(self);
    this.neighbours = new Neighbours(self);
    this.fdb = new Fdb(self);
    this.nftables = new Nftables(self);
    this.conntrack = new Conntrack(internals(this));
  }
}
