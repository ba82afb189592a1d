// Who makes the networks: Docker's rules, or this library. The same is asked of both.
import type { Stage } from '../support/stage.js';

/** What a network is made with; the options are Docker's. */
export interface NetworkSpec {
  name: string;
  subnet: string;
  gateway: string;
  subnet6?: string;
  gateway6?: string;
  /** Name of the bridge. */
  bridge: string;
  /** `docker network create --internal`. */
  internal?: boolean;
  /** com.docker.network.bridge.gateway_mode_ipv4=isolated: no address on the bridge. Goes with `internal`. */
  isolated?: boolean;
  /** com.docker.network.bridge.enable_icc. Default true. */
  icc?: boolean;
  /** com.docker.network.bridge.enable_ip_masquerade. Default true. */
  masquerade?: boolean;
  /** com.docker.network.bridge.gateway_mode_ipv4 and _ipv6. Default 'nat'. */
  gatewayMode?: 'nat' | 'nat-unprotected' | 'routed';
}

export interface Attachment {
  address: string;
  address6?: string;
}

/** Builds networks in the `host` of a stage. */
export interface Side extends AsyncDisposable {
  readonly name: string;
  build(stage: Stage, network: NetworkSpec): Promise<void>;
  /** Connects a container of the stage. `publish` as `docker run -p` has it. */
  connect(
    stage: Stage,
    network: string,
    container: string,
    options?: { publish?: string[]; aliases?: string[] },
  ): Promise<Attachment>;
}
