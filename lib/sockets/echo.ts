/** What became of one echo request: how it was decided, or a further copy of its reply. */
export type Echo = {
  /** Of the request: 1, 2, 3… in the order they were sent. */
  sequence: number;
} & (
  | {
      /** 'duplicate': answered already; it counts nowhere. */
      type: 'reply' | 'duplicate';
      /** Who answered; a link-local address with its zone. */
      from: string;
      /** What was left of it, or of the hop limit, on arrival. */
      ttl: number;
      /** Of the ICMP message: its header's eight and the data. */
      bytes: number;
      /** From sending to arrival, in milliseconds, by the kernel's clock. */
      rtt: number;
    }
  | {
      /** A router could not deliver it, or its TTL (hop limit) came to nothing there. */
      type: 'unreachable' | 'expired';
      /**
       * Who said so: the namespace's own address if the destination did not answer ARP or neighbour solicitation (which
       * takes the kernel some 3 seconds), '0.0.0.0' or '::' if there is no way out of the namespace any more.
       */
      from: string;
    }
  | {
      /** Neither within the timeout. */
      type: 'lost';
    }
);
