// The programs of the system that the scripts and tests use, and how they come to be there. Those of the kernel
// matrix and of the benchmark's peers are known to test/kernels and bench.
import { findTool } from './find-tool.mjs';
import { colour, excerpt, say } from './output.mjs';
import { run, step } from './step.mjs';

const tools = [
  { command: 'c++', package: 'g++', for: 'build' },
  { command: 'cc', package: 'gcc', for: 'build' },
  { command: 'make', package: 'make', for: 'build' },
  { command: 'python3', package: 'python3', for: 'build' },
  { command: 'ip', package: 'iproute2', for: 'test' },
  { command: 'nft', package: 'nftables', for: 'test' },
  { command: 'nsenter', package: 'util-linux', for: 'test' },
  { command: 'unshare', package: 'util-linux', for: 'test' },
  { command: 'mount', package: 'mount', for: 'test' },
  { command: 'ping', package: 'iputils-ping', for: 'test' },
  { command: 'tc', package: 'iproute2', for: 'test' },
  { command: 'traceroute', package: 'traceroute', for: 'test' },
  { command: 'nft', package: 'nftables', for: 'test' },
  { command: 'iptables-restore', package: 'iptables', for: 'test' },
  { command: 'newuidmap', package: 'uidmap', for: 'test' },
  { command: 'mkfs.ext4', package: 'e2fsprogs', for: 'test' },
  { command: 'mksquashfs', package: 'squashfs-tools', for: 'test' },
  { command: 'tcpdump', package: 'tcpdump', for: 'test' },
  { command: 'dig', package: 'bind9-dnsutils', for: 'test' },
  { command: 'tshark', package: 'tshark', for: 'test' },
  { command: 'mkfs.erofs', package: 'erofs-utils', for: 'test' },
  { command: 'podman', package: 'podman', for: 'test' },
  { command: 'runc', package: 'runc', for: 'test' },
  { command: 'conntrack', package: 'conntrack', for: 'test' },
  { command: 'nginx', package: 'nginx-light', for: 'test' },
  { command: 'clang-format', package: 'clang-format', for: 'lint' },
  { command: 'clang-tidy', package: 'clang-tidy', for: 'tidy' },
  { command: 'readelf', package: 'binutils', for: 'package' },
  { command: 'strip', package: 'binutils', for: 'package' },
  { command: 'cmake', package: 'cmake', for: 'sanitize' },
];

/** The tools for these purposes that are not there. */
export function missingTools(purposes) {
  return tools.filter((tool) => purposes.includes(tool.for) && !findTool(tool.command));
}

const packagesOf = (missing) => [...new Set(missing.map((tool) => tool.package))];

async function aptGet(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env });
  // The list of packages is missing or outdated in most containers, and getting it takes a while.
  await install().catch(async () => {
    await run('apt-get', ['update'], { env });
    await install();
  });
}

/** As root, where apt-get is, installs what is missing for these purposes; gives what is missing still. */
export async function installTools(purposes) {
  const missing = missingTools(purposes);
  if (missing.length === 0 || process.getuid() !== 0 || !findTool('apt-get')) return missing;
  const packages = packagesOf(missing);
  await step(`install ${packages.join(' ')} (apt-get)`, () => aptGet(packages)).catch((error) => {
    say(excerpt(error.output || error.message, 0, 5));
  });
  return missingTools(purposes);
}

/** The same, and says what is missing: most of the work can be done without. */
export async function provideTools(purposes) {
  const missing = await installTools(purposes);
  if (missing.length) say(colour('yellow', `${names(missing)} not found. ${cure(missing)}`));
}

export const names = (tools) => tools.map((tool) => tool.command).join(', ');

/** What to type to get them. */
export const cure = (missing) => `On Debian or Ubuntu: sudo apt-get install ${packagesOf(missing).join(' ')}`;
