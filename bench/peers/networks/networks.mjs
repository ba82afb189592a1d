// The same by other programs, in namespace host: hand (ip and nft), linear (the same, but a rule for each port), cni (the
// plug-ins bridge and portmap), netavark, socat. Usage: networks.mjs PROGRAM connect|traffic.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GREETER, measure, SINK, startServer } from './traffic.mjs';

const CONTAINERS = 20;
const OTHERS = 998;
const LAN = '192.0.2.10';
const RUN = '/run/bench';

function run(command, { input, env } = {}) {
  const [file, ...args] = command;
  const options = { input, encoding: 'utf8', env: { ...process.env, ...env } };
  const { error, status, stdout, stderr } = spawnSync(file, args, options);
  if (error) throw error;
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${(stderr || stdout).trim()}`);
  return stdout;
}

const batch = (lines, ...args) => run(['ip', ...args, '-batch', '-'], { input: lines.join('\n') });
const nft = (input) => run(['nft', '-f', '-'], { input });

const SKELETON = `
table inet network {
  chain forward { type filter hook forward priority filter
    ct state established,related accept
    ct status dnat accept
    oifname br0 drop
  }
  chain postrouting { type nat hook postrouting priority srcnat
    ip saddr 10.9.0.0/16 oifname != br0 masquerade
  }
}
table inet ports {
  map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  chain linear { }
  chain prerouting { type nat hook prerouting priority dstnat
    ip daddr != 127.0.0.0/8 fib daddr type local dnat ip to meta l4proto . th dport map @any4
    ip daddr != 127.0.0.0/8 fib daddr type local jump linear
  }
}`;

const element = ([protocol, port, address, to]) =>
  `add element inet ports any4 { ${protocol} . ${port} : ${address} . ${to} }`;
const rule = ([protocol, port, address, to]) =>
  `add rule inet ports linear ${protocol} dport ${port} dnat ip to ${address}:${to}`;

/** A network by hand; the function returned connects a namespace by three programs. */
function byHand(publish) {
  batch(['link add br0 up type bridge', 'address add 10.9.0.1/16 dev br0']);
  nft(SKELETON);
  return (netns, i, ports) => {
    const address = `10.9.${1 + (i >> 7)}.${1 + (i & 127)}`;
    batch([
      `link add v${i} mtu 1500 type veth peer name eth0 mtu 1500 netns ${netns}`,
      `link set v${i} master br0 up`,
    ]);
    batch(
      [`address add ${address}/16 dev eth0`, 'link set eth0 up', 'route add default via 10.9.0.1'],
      '-n',
      netns,
    );
    nft(ports.map(([protocol, port, to]) => publish([protocol, port, address, to])).join('\n'));
  };
}

const PLUGINS = ['/usr/lib/cni', '/opt/cni/bin'].find((folder) => existsSync(`${folder}/portmap`));

function byCni() {
  const common = { cniVersion: '0.4.0', name: 'bench' };
  const ipam = { type: 'host-local', ranges: [[{ subnet: '10.9.0.0/16' }]], dataDir: `${RUN}/cni` };
  ipam.routes = [{ dst: '0.0.0.0/0' }];
  const bridge = {
    ...common,
    type: 'bridge',
    bridge: 'br0',
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam,
  };
  return (netns, i, ports) => {
    const env = {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: `c${i}`,
      CNI_NETNS: `/run/netns/${netns}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: PLUGINS,
    };
    const prevResult = JSON.parse(run([`${PLUGINS}/bridge`], { env, input: JSON.stringify(bridge) }));
    const portMappings = ports.map(([protocol, hostPort, containerPort]) => ({
      hostPort,
      containerPort,
      protocol,
    }));
    const portmap = { ...common, type: 'portmap', runtimeConfig: { portMappings }, prevResult };
    run([`${PLUGINS}/portmap`], { env, input: JSON.stringify(portmap) });
  };
}

const NETAVARK = ['/usr/lib/podman/netavark', '/usr/libexec/podman/netavark'].find(existsSync) ?? 'netavark';

function byNetavark() {
  const id = 'b'.repeat(64);
  const bench = {
    name: 'bench',
    id,
    driver: 'bridge',
    network_interface: 'br0',
    subnets: [{ subnet: '10.9.0.0/16', gateway: '10.9.0.1' }],
    ipv6_enabled: false,
    internal: false,
    dns_enabled: false,
    ipam_options: { driver: 'host-local' },
  };
  return (netns, i, ports) => {
    const port_mappings = ports.map(([protocol, host_port, container_port]) => ({
      host_ip: '',
      host_port,
      container_port,
      protocol,
      range: 1,
    }));
    const static_ips = [`10.9.${1 + (i >> 7)}.${1 + (i & 127)}`];
    const container_id = i.toString(16).padStart(64, '0');
    const networks = { bench: { interface_name: 'eth0', static_ips } };
    const input = { container_id, container_name: `c${i}`, port_mappings, networks, network_info: { bench } };
    run([NETAVARK, '--config', RUN, 'setup', `/run/netns/${netns}`], { input: JSON.stringify(input) });
  };
}

const programs = {
  hand: () => byHand(element),
  linear: () => byHand(rule),
  cni: byCni,
  netavark: byNetavark,
  socat: () => byHand(element),
};

const parts = {
  connect(program) {
    if (program === 'socat') return {};
    run(['mkdir', '-p', RUN]);
    const names = Array.from({ length: CONTAINERS + 1 }, (_, i) => `c${i}`);
    batch(names.map((name) => `netns add ${name}`));
    const connect = programs[program]();
    const one = (i) =>
      connect(names[i], i, [
        ['tcp', 10_000 + i, 80],
        ['udp', 20_000 + i, 53],
      ]);
    // The first makes what the others find.
    one(CONTAINERS);
    const start = process.hrtime.bigint();
    for (let i = 0; i < CONTAINERS; i++) one(i);
    return { one: Number(process.hrtime.bigint() - start) / CONTAINERS };
  },
  async traffic(program) {
    if (program === 'cni' || program === 'netavark') return {};
    const ports = [SINK, GREETER].map((port) => ['tcp', port, port]);
    const connect = programs[program]();
    connect('web', 0, ports);
    const stop = await startServer();
    try {
      if (program === 'socat') return { relay: await bySocat() };
      // The first of all is slower than the second, whatever the rules are.
      await measure('connections', 'lan', LAN);
      const few = await measure('connections', 'lan', LAN);
      const stream = program === 'hand' ? await measure('streams', 'lan', LAN) : undefined;
      run(['ip', 'netns', 'add', 'other']);
      // In front of the others: those are found last.
      if (program === 'linear') nft('flush chain inet ports linear');
      const others = Array.from({ length: OTHERS }, (_, i) => ['tcp', 20_000 + i, 20_000 + i]);
      connect('other', 1, others);
      if (program === 'linear') nft(ports.map(([p, port, to]) => rule([p, port, '10.9.1.1', to])).join('\n'));
      const thousand = await measure('connections', 'lan', LAN);
      return { few, thousand, stream };
    } finally {
      stop();
    }
  },
};

async function bySocat() {
  const to = `TCP:10.9.1.1:${SINK}`;
  const relay = spawn('socat', ['-b65536', `TCP-LISTEN:${SINK},fork,reuseaddr`, to], { stdio: 'inherit' });
  try {
    await sleep(200);
    return await measure('streams', 'host', '127.0.0.1');
  } finally {
    relay.kill();
  }
}

const [program, part] = process.argv.slice(2);
console.log(JSON.stringify(await parts[part](program)));
