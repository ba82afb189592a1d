// The cases: a network 'app' with the containers a and b, of which a publishes, beside a network 'other' with c, which
// publishes 8090:80.
import type { Transport } from '../support/echo.js';
import type { NetworkSpec } from './side.js';

export interface Case {
  /** Of the file of what is expected, too. */
  name: string;
  /** One line: what Docker is told. */
  told: string;
  app: NetworkSpec;
  /** Whether 'other' has IPv6. */
  other6?: boolean;
  publish: string[];
  transport?: Transport;
}

const app: NetworkSpec = {
  name: 'app',
  bridge: 'br-app',
  subnet: '172.18.0.0/16',
  gateway: '172.18.0.1',
};

const app6: NetworkSpec = { ...app, subnet6: 'fd00:c:1::/64', gateway6: 'fd00:c:1::1' };

export const OTHER: NetworkSpec = {
  name: 'other',
  bridge: 'br-other',
  subnet: '172.19.0.0/16',
  gateway: '172.19.0.1',
};

export const OTHER6: NetworkSpec = { ...OTHER, subnet6: 'fd00:c:2::/64', gateway6: 'fd00:c:2::1' };

const publish = ['8080:80'];

export const CASES: readonly Case[] = [
  {
    name: 'default-bridge',
    told: 'the default bridge, -p 8080:80',
    app: { ...app, bridge: 'docker0', subnet: '172.17.0.0/16', gateway: '172.17.0.1' },
    publish,
  },
  { name: 'two-networks', told: 'two networks of users, -p 8080:80', app, publish },
  {
    name: 'internal',
    told: '--internal, -p 8080:80 (which it ignores)',
    app: { ...app, internal: true },
    publish,
  },
  {
    name: 'isolated',
    told: '--internal, gateway_mode_ipv4=isolated',
    app: { ...app, internal: true, isolated: true },
    publish: [],
  },
  {
    name: 'routed',
    told: 'gateway_mode_ipv4=routed, -p 8080:80',
    app: { ...app, gatewayMode: 'routed' },
    publish,
  },
  {
    name: 'nat-unprotected',
    told: 'gateway_mode_ipv4=nat-unprotected, -p 8080:80',
    app: { ...app, gatewayMode: 'nat-unprotected' },
    publish,
  },
  {
    name: 'no-masquerade',
    told: 'enable_ip_masquerade=false, -p 8080:80',
    app: { ...app, masquerade: false },
    publish,
  },
  { name: 'no-icc', told: 'enable_icc=false, -p 8080:80', app: { ...app, icc: false }, publish },
  {
    name: 'internal-no-icc',
    told: '--internal, enable_icc=false',
    app: { ...app, internal: true, icc: false },
    publish: [],
  },
  { name: 'on-localhost', told: '-p 127.0.0.1:8080:80', app, publish: ['127.0.0.1:8080:80'] },
  { name: 'on-one-address', told: '-p 192.0.2.10:8080:80', app, publish: ['192.0.2.10:8080:80'] },
  {
    name: 'on-ipv6-address',
    told: '--ipv6, -p [fd00:a::10]:8080:80',
    app: app6,
    other6: true,
    publish: ['[fd00:a::10]:8080:80'],
  },
  {
    name: 'ipv6-to-ipv4',
    told: '-p [fd00:a::10]:8080:80 of a network without IPv6',
    app,
    other6: true,
    publish: ['[fd00:a::10]:8080:80'],
  },
  { name: 'dual-stack', told: '--ipv6, -p 8080:80', app: app6, other6: true, publish },
  {
    name: 'dual-stack-no-icc',
    told: '--ipv6, enable_icc=false, -p 8080:80',
    app: { ...app6, icc: false },
    other6: true,
    publish,
  },
  {
    name: 'dual-stack-internal',
    told: '--ipv6, --internal',
    app: { ...app6, internal: true },
    other6: true,
    publish: [],
  },
  {
    name: 'dual-stack-routed',
    told: '--ipv6, gateway modes routed, -p 8080:80',
    app: { ...app6, gatewayMode: 'routed' },
    other6: true,
    publish,
  },
  { name: 'udp', told: '-p 8080:80/udp', app, publish: ['8080:80/udp'], transport: 'udp' },
  {
    name: 'udp-on-localhost',
    told: '-p 127.0.0.1:8080:80/udp',
    app,
    publish: ['127.0.0.1:8080:80/udp'],
    transport: 'udp',
  },
];
