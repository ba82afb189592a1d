import type { GatewayMode, Settings } from './options.js';
import { Subnet } from './subnet.js';

/** What a network's device says of it in its ifalias, of 255 bytes: short keys. */
interface Text {
  /** Whose it is; absent of one that nobody owns. */
  o?: string;
  d?: 'vxlan';
  s?: string;
  g?: string;
  s6?: string;
  g6?: string;
  r?: string;
  r6?: string;
  /** i: internal, x: isolated, c: no inter-container communication, n: no masquerade. */
  f?: string;
  m?: GatewayMode;
}

/** A network's settings and its owner as text. */
export function encodeSettings(settings: Settings, owner: string | undefined): string {
  const { driver, subnet, gateway, subnet6, gateway6, range, range6, gatewayMode } = settings;
  const flags = [
    settings.internal && 'i',
    settings.isolated && 'x',
    !settings.icc && 'c',
    !settings.masquerade && 'n',
  ];
  const text: Text = {
    o: owner,
    d: driver === 'vxlan' ? driver : undefined,
    s: subnet?.toString(),
    g: gateway,
    s6: subnet6?.toString(),
    g6: gateway6,
    r: range?.toString(),
    r6: range6?.toString(),
    f: flags.filter(Boolean).join('') || undefined,
    m: gatewayMode === 'nat' ? undefined : gatewayMode,
  };
  return JSON.stringify(text);
}

/** Undefined for what somebody else has written there. */
export function decodeSettings(
  name: string,
  alias: string | undefined,
): { settings: Settings; owner?: string } | undefined {
  try {
    const text = JSON.parse(alias ?? '') as Text;
    const flags = text.f ?? '';
    const subnet = (value?: string) => (value === undefined ? undefined : Subnet.parse('subnet', value));
    const settings: Settings = {
      name,
      driver: text.d ?? 'bridge',
      subnet: subnet(text.s),
      gateway: text.g,
      subnet6: subnet(text.s6),
      gateway6: text.g6,
      range: subnet(text.r),
      range6: subnet(text.r6),
      internal: flags.includes('i'),
      isolated: flags.includes('x'),
      icc: !flags.includes('c'),
      masquerade: !flags.includes('n'),
      gatewayMode: text.m ?? 'nat',
    };
    return { settings, owner: text.o };
  } catch {
    return undefined;
  }
}
