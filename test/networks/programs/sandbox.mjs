// Holds a sandbox on the network 'bridge' in the namespace at a path, until its stdin ends, or it is killed; or ends with one.
import { Netns, NetworkSandbox } from 'nsnet';

const [path, name, story] = process.argv.slice(2);
const host = await Netns.open({ path });
const sandbox = await NetworkSandbox.create('bridge', { netns: host, name, publish: ['80'] });
console.log(sandbox.endpoint.address);
if (story !== 'idle') {
  process.stdin.resume().once('end', async () => {
    await sandbox.close();
    await host.close();
  });
}
