// Debian's kernels, downloaded with this machine's own package sources and unpacked into the cache.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './tools.mjs';

/** Where a kernel can be had from when the machine's own suites lack it. */
const suites = { 6.1: ['bookworm'], 6.12: ['bookworm-backports', 'trixie'] };
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** { release, image, modules } of the newest Debian cloud kernel of a version such as '6.12'. */
export function needKernel(version, cache) {
  mkdirSync(cache, { recursive: true });
  const pattern = new RegExp(`^linux-image-${version.replace('.', '\\.')}\\.[0-9][^ ]*-cloud-amd64$`);
  const [cached] = newestFirst(readdirSync(cache).filter((name) => pattern.test(name)));
  return describe(join(cache, cached ?? download(pattern, version, cache)));
}

function describe(directory) {
  const image = readdirSync(directory).find((name) => name.startsWith('vmlinuz-'));
  const release = image.slice('vmlinuz-'.length);
  return { release, directory, image: join(directory, image), modules: join(directory, 'modules') };
}

function download(pattern, version, cache) {
  const { name, options } = locate(pattern, version, cache);
  const work = join(cache, `.${name}.${process.pid}`);
  try {
    mkdirSync(join(work, 'tree'), { recursive: true });
    run('apt-get', [...options, '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work });
    const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
    run('dpkg-deb', ['-x', archive, 'tree'], { cwd: work });
    const keep = join(work, 'keep');
    cpSync(join(work, 'tree/boot'), keep, { recursive: true });
    const modules = ['lib/modules', 'usr/lib/modules']
      .map((path) => join(work, 'tree', path))
      .find(existsSync);
    renameSync(join(modules, readdirSync(modules)[0]), join(keep, 'modules'));
    rmSync(join(cache, name), { recursive: true, force: true });
    renameSync(keep, join(cache, name));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return name;
}

function locate(pattern, version, cache) {
  const attempts = [
    () => [],
    () => run('apt-get', ['update']) ?? [],
    ...(suites[version] ?? []).map((suite) => () => privateApt(suite, join(cache, 'apt', suite))),
  ];
  for (const attempt of attempts) {
    const options = attempt();
    const [name] = newestFirst(search(options).filter((found) => pattern.test(found)));
    if (name) return { name, options };
  }
  throw new Error(
    `no package linux-image-${version}.…-cloud-amd64 is reachable: this needs Debian's archive`,
  );
}

function search(options) {
  const { stdout } = spawnSync('apt-cache', [...options, 'pkgnames', 'linux-image-6.'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n');
}

/** apt with a state and sources of its own: one more suite, from the archive this machine already uses. */
export function privateApt(suite, directory) {
  const targets = spawnSync(
    'apt-get',
    ['indextargets', '--format', '$(ORIGIN)|$(LABEL)|$(REPO_URI)', 'Created-By: Packages'],
    {
      encoding: 'utf8',
    },
  );
  const archive = (targets.stdout ?? '').split('\n').find((line) => line.startsWith('Debian|Debian|'));
  if (!archive) return [];
  for (const path of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(directory, path), { recursive: true });
  const signed = existsSync(keyring) ? `[signed-by=${keyring}] ` : '';
  writeFileSync(join(directory, 'sources.list'), `deb ${signed}${archive.split('|')[2]} ${suite} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': join(directory, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State': join(directory, 'state'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': join(directory, 'cache'),
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  try {
    run('apt-get', [...options, 'update']);
    return options;
  } catch (error) {
    console.log(`suite ${suite}: ${error.message}`);
    return [];
  }
}

const newestFirst = (names) => names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
