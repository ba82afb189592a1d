// What one types into iproute2 for the lab and the star: [namespace or '', command]. Commands for one namespace
// stand together, so that a batch can take them in one go. Each veth's far end is made in its place.

const TEST1 = 'nsnetbench-test1';
const TEST2 = 'nsnetbench-test2';
const ROUTER = 'nsnetbench-router';
const SPOKES = Array.from({ length: 100 }, (_, i) => `nsnetbench-spoke${i}`);

const add = (name) => ['', `netns add ${name}`];
const remove = (name) => ['', `netns del ${name}`];

export const lab = {
  up: [
    add(TEST1),
    add(TEST2),
    [TEST1, `link add veth-test1 type veth peer name veth-test2 netns ${TEST2}`],
    [TEST1, 'addr add 192.168.1.1/24 dev veth-test1'],
    [TEST1, 'link set dev veth-test1 up'],
    [TEST2, 'addr add 192.168.1.2/24 dev veth-test2'],
    [TEST2, 'link set dev veth-test2 up'],
  ],
  down: [remove(TEST1), remove(TEST2)],
};

export const star = {
  up: [
    add(ROUTER),
    ...SPOKES.map(add),
    [ROUTER, 'link set lo up'],
    [ROUTER, 'link add br0 type bridge'],
    [ROUTER, 'addr add 10.0.0.1/16 dev br0'],
    [ROUTER, 'link set br0 up'],
    ...SPOKES.map((spoke, i) => [
      ROUTER,
      `link add port${i} up master br0 type veth peer name eth0 netns ${spoke}`,
    ]),
    ...SPOKES.flatMap((spoke, i) => [
      [spoke, 'link set lo up'],
      [spoke, `addr add 10.0.1.${i + 1}/16 dev eth0`],
      [spoke, 'link set eth0 up'],
      [spoke, 'route add default via 10.0.0.1'],
    ]),
  ],
  down: [...SPOKES.map(remove), remove(ROUTER)],
};

export const route = (i) => `route add 10.${i >> 16}.${(i >> 8) & 255}.${i & 255} dev lo`;
export const routes = (amount) => Array.from({ length: amount }, (_, i) => route(i));
