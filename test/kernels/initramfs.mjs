// The guest's first root file system: busybox, the kernel modules in the order to load them, and two scripts.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpio, directory, file, link } from './cpio.mjs';
import { dependencies, indexModules, loadOrder, matchModules, readModule } from './modules.mjs';

/** What the guest cannot start without: devices, the shared root and the layer on top of it. */
const essential = ['virtio_pci', 'virtio_console', 'virtio_blk', 'virtio_rng', 'virtiofs', 'overlay'];

/** What tests use. The guest loads nothing on demand, so a feature that is not listed is absent there. */
const features = [
  ...[
    'loop',
    'squashfs',
    'erofs',
    'fuse',
    'tun',
    'tap',
    'veth',
    'dummy',
    'ifb',
    'bridge',
    'br_netfilter',
    '8021q',
  ],
  ...[
    'macvlan',
    'macvtap',
    'ipvlan',
    'ipvtap',
    'bonding',
    'team',
    'vrf',
    'vxlan',
    'geneve',
    'wireguard',
    'nlmon',
  ],
  ...[
    'ipip',
    'sit',
    'ip_gre',
    'ip6_gre',
    'ip6_tunnel',
    'sctp',
    'inet_diag',
    'tcp_diag',
    'udp_diag',
    'unix_diag',
    'netlink_diag',
    'af_packet_diag',
    'nf_tables',
    'nft_*',
    'nf_conntrack_netlink',
  ],
  ...['nf_flow_table_inet', 'nfnetlink_log', 'nfnetlink_queue', 'nf_conntrack_bridge', 'nf_log_syslog'],
  ...[
    'sch_ingress',
    'sch_netem',
    'sch_htb',
    'sch_tbf',
    'sch_prio',
    'sch_fq',
    'sch_fq_codel',
    'sch_cake',
    'sch_red',
  ],
  ...['cls_u32', 'cls_flower', 'cls_matchall', 'cls_basic', 'act_mirred', 'act_police', 'act_gact'],
];

const applets = [
  'cat',
  'chmod',
  'cp',
  'dirname',
  'insmod',
  'ip',
  'ln',
  'mkdir',
  'mount',
  'poweroff',
  'sh',
  'sleep',
];
const script = (name) => readFileSync(fileURLToPath(new URL(name, import.meta.url)));

/** { archive, absent }: the archive as bytes, and the features this kernel knows nothing of. */
export function initramfs(kernel, busybox, job) {
  const { archive, absent } = modulesArchive(kernel);
  const base = cpio([
    ...['bin', 'dev', 'proc', 'sys', 'share', 'write', 'root'].map(directory),
    file('bin/busybox', readFileSync(busybox)),
    ...[...applets, 'switch_root'].map((name) => link(`bin/${name}`, 'busybox')),
    file('init', script('./guest-init.sh')),
    file('guest-run.sh', script('./guest-run.sh')),
    file('job.sh', job),
  ]);
  return { archive: Buffer.concat([base, archive]), absent };
}

/** Unpacking and sorting the modules takes a second or two, so their archive is kept beside the kernel. */
function modulesArchive(kernel) {
  const index = indexModules(kernel.modules);
  const first = matchModules(essential, index);
  const rest = matchModules(features, index);
  const absent = [...first.absent, ...rest.absent];
  const key = createHash('sha256')
    .update([...first.wanted, '', ...rest.wanted].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const kept = join(kernel.directory, `initramfs-${key}.cpio`);
  if (existsSync(kept)) return { archive: readFileSync(kept), absent };
  const images = new Map();
  const image = (name) => {
    if (!images.has(name)) images.set(name, readModule(index.files.get(name)));
    return images.get(name);
  };
  const order = (wanted) => loadOrder(wanted, index.files, (name) => dependencies(image(name)));
  const early = order(first.wanted);
  const late = order(rest.wanted).filter((name) => !early.includes(name));
  const archive = cpio([
    directory('modules'),
    ...[...early, ...late].map((name) => file(`modules/${name}.ko`, image(name), 0o644)),
    file('modules/early', early.join(' '), 0o644),
    file('modules/late', late.join(' '), 0o644),
  ]);
  for (const name of readdirSync(kernel.directory))
    if (/^initramfs-/.test(name)) rmSync(join(kernel.directory, name));
  writeFileSync(kept, archive);
  return { archive, absent };
}
