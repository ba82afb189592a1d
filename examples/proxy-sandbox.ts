// A program whose only way out is a proxy: its namespace has one cable, to one in which the proxy listens. The proxy is a
// function of this program, and decides what may pass.
import { createServer, request } from 'node:http';
import { Netns, run, Scope, Veth } from 'nsnet';

await using scope = new Scope();
const [sandbox, gate, internet] = await Promise.all([1, 2, 3].map(() => scope.use(Netns.create())));
const cable = async (a: Netns, b: Netns, net: string) => {
  const pair = await Veth.create(
    { netns: a, name: `${net}a`, addresses: [`10.0.${net}.1/24`], up: true },
    { netns: b, name: `${net}b`, addresses: [`10.0.${net}.2/24`], up: true },
  );
  await Promise.all([pair.a.ready(), pair.b.ready()]);
};
await Promise.all([cable(sandbox!, gate!, '1'), cable(gate!, internet!, '2')]);

// Two servers that play the internet. Their names are known to the proxy alone.
for (const [host, text] of Object.entries({ 'docs.test': 'a page', 'evil.test': 'your secrets, please' })) {
  gate!.hosts.set(host, '10.0.2.2');
  const port = host === 'docs.test' ? 80 : 81;
  await internet!.listen(
    createServer((_request, response) => response.end(text)),
    { port },
  );
}

const agent = gate!.httpAgent();
const proxy = createServer((asked, response) => {
  const { host, port, pathname } = new URL(asked.url ?? '');
  if (host !== 'docs.test') return response.writeHead(403).end(`${host} is not allowed`);
  request({ agent, host, port, path: pathname }, (answer) => answer.pipe(response)).end();
});
await gate!.listen(proxy, { host: '10.0.1.2', port: 3128 });

const program = `
  const { get } = require('node:http');
  const ask = (host, port, path) => new Promise((resolve) => {
    get({ host, port, path }, (answer) => answer.on('data', (data) => resolve(answer.statusCode + ' ' + data)))
      .on('error', (error) => resolve(error.code));
  });
  (async () => {
    console.log('by the proxy, docs.test:', await ask('10.0.1.2', 3128, 'http://docs.test/'));
    console.log('by the proxy, evil.test:', await ask('10.0.1.2', 3128, 'http://evil.test:81/'));
    console.log('past the proxy:', await ask('10.0.2.2', 80, '/'));
  })();`;
const { stdout } = await run(process.execPath, ['-e', program], { namespaces: { net: sandbox! } });
console.log(stdout.trimEnd());
